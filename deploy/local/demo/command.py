"""`demo`: the main job on an orders file, from the empty shelf to the last parcel, and the audit behind it."""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deploy.local.audit.command import audit
from deploy.local.demo.catalogue import Catalogue, catalogue_of_file, catalogue_of_sample
from deploy.local.demo.client import Client, Refused
from deploy.local.demo.evening import Evening
from deploy.local.demo.interrupting import interruptible
from deploy.local.demo.picture import Picture
from deploy.local.demo.production import Production
from deploy.local.demo.sample import sample, write
from deploy.local.demo.screen import Screen
from deploy.local.demo.seeding import seed, stock_up
from deploy.local.demo.summary import Outcome, dead_letters, messages, orders_of, show
from deploy.local.demo.upstream import Customers, Published, publish
from deploy.local.demo.warehouse import Warehouse
from deploy.local.demo.watching import Listener
from deploy.local.failure import CannotRun
from deploy.local.home import ROOT
from deploy.local.orders_file.entries import FileError, Survey
from deploy.local.orders_file.reading import entries, survey
from deploy.local.stack import Stack

SAMPLE: Final = "demo/sample.jsonl"
STILL_SECONDS_MAX: Final = 90.0
TOPIC: Final = "order.submitted"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the run works on."""

    run: str
    source: str
    currency: str
    file: Path
    survey: Survey
    catalogue: Catalogue


def demo(orders: Path | None, stack: Stack) -> int:
    """Runs the demo on a running stack, then the audit; the exit code of contract section 10.

    Args:
        orders: the orders file; None for the demo's own sample.
    """
    try:
        plan = _plan(orders)
        outcome = asyncio.run(interruptible(_whole(plan, stack)))
        show(outcome, stack, plan.source)
        return audit(stack, False) or int(bool(outcome.stuck) or not outcome.recall_agrees)
    except FileError as error:
        return _failed(str(error), 2)
    except CannotRun as error:
        return _failed(str(error), 3)
    except Refused as error:
        return _failed(str(error), 1)
    except KeyboardInterrupt:
        return _failed("interrupted; the orders so far stay, and another run adds to them", 130)


async def _whole(plan: Plan, stack: Stack) -> Outcome:
    return await Run(plan, stack).whole()


def _failed(why: str, code: int) -> int:
    print(why, file=sys.stderr)
    return code


def _plan(orders: Path | None) -> Plan:
    run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    currency = os.environ.get("CURRENCY", "EUR")
    file = orders or Path(os.environ.get("FLACON_HOME") or ROOT / ".flacon") / SAMPLE
    if orders is None:
        lines = sample()
        write(file, lines)
        return Plan(run, f"demo-{run}", currency, file, survey(file), catalogue_of_sample(lines.demand))
    surveyed = survey(file)
    return Plan(run, f"demo-{run}", currency, file, surveyed, catalogue_of_file(surveyed))


class Run:
    """One run of the demo: the people and machines of one day at the bottler's."""

    def __init__(self, plan: Plan, stack: Stack) -> None:
        self._plan, self._stack = plan, stack
        self._began = time.monotonic()
        self._client = Client(stack)
        self._picture = Picture()
        self._listener = Listener(stack)
        self._screen = Screen(self._picture)
        self._published = Published()

    async def whole(self) -> Outcome:
        """From the empty shelf to the last parcel.

        Raises:
            CannotRun: if something does not answer.
            Refused: if a service answers what it should not.
        """
        try:
            await self._listener.start()
            await self._open_the_house()
            async with _alongside(self._listener.listen(self._picture), self._screen.run()):
                return await self._day()
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            await self._listener.stop()
            await self._client.close()

    async def _open_the_house(self) -> None:
        plan = self._plan
        self._screen.say(f"run {plan.run}: {len(plan.catalogue.products)} products from {plan.file}")
        await seed(self._client, self._stack, plan.catalogue, plan.currency)
        receipts = await stock_up(self._client, plan.catalogue, plan.run, plan.currency)
        self._screen.say(f"{receipts} receipts of opening stock booked")

    async def _day(self) -> Outcome:
        plan, picture, client = self._plan, self._picture, self._client
        rows = entries(plan.file, plan.survey, source=plan.source, currency=plan.currency)
        self._published = await publish(self._stack.kafka, self._stack.topic_prefix + TOPIC, rows, picture)
        self._screen.say(f"{self._published.orders} orders published, {len(self._published.skipped)} rows skipped")
        customers = Customers(client, picture, self._published.cancellations)
        production = Production(client, picture, plan.catalogue, plan.run, plan.currency)
        warehouse = Warehouse(client, picture, lambda: customers.undecided)
        async with _alongside(customers.run(), production.run(), warehouse.run()):
            await self._evening(customers, production)
        self._screen.say("the last parcel has arrived" if not picture.open_orders() else "nothing moves any more")
        evening = Evening(client, self._stack, plan.catalogue, plan.run, plan.currency)
        shortage = await evening.shortage()
        self._screen.say(f"{shortage.batches} batches were bottled for an order that waited, by themselves")
        recall = await evening.recall()
        self._screen.say(f"supplier's lot {recall.supplier_lot} is recalled: {len(recall.orders)} orders got it")
        return replace(await self._outcome(customers, production), shortage=shortage, recall=recall)

    async def _evening(self, customers: Customers, production: Production) -> None:
        """Until everything is at rest, or nothing has moved for a while."""
        picture = self._picture

        def done() -> bool:
            at_work = customers.waiting or production.running
            return not at_work and picture.all_delivered() and not picture.open_orders()

        while not done() and time.monotonic() - picture.changed_at < STILL_SECONDS_MAX:
            await picture.change(1.0)

    async def _outcome(self, customers: Customers, production: Production) -> Outcome:
        identities = set(self._picture.submitted)
        found = await orders_of(self._client, {source for source, _ in identities})
        known = {(order["source"], order["external_id"]): order for order in found}
        return Outcome(
            orders=[known[identity] for identity in identities & known.keys()],
            published=self._published,
            made=production.made,
            batches=self._picture.batch_statuses(),
            shipments=self._picture.shipments(),
            customers=customers.answers,
            dead_letters=await dead_letters(self._client),
            messages=messages(self._listener.began_at, await self._listener.ends()),
            seconds=time.monotonic() - self._began,
            absent=[":".join(identity) for identity in sorted(identities - known.keys())],
        )


@asynccontextmanager
async def _alongside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs works beside the block, ends them with it, and ends the block if one of them fails."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        yield
        for task in tasks:
            task.cancel()


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
