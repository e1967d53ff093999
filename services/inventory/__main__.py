"""`python -m services.inventory serve | migrate | ... | reconcile | correct | archive`."""

import getpass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import typer

from services.inventory.app import build
from services.inventory.domain.deviations import Check
from services.inventory.operations.archiving import Archived, NotOver, OtherFile, archive, planned
from services.inventory.operations.reconciliation import Correction, correct
from services.inventory.settings import InventorySettings
from services.inventory.views import history
from shared.runtime.clock import new_id
from shared.runtime.command import CHECK_FAILED, DONE, ServiceCommand, WrongInput, command
from shared.runtime.printing import print_json, print_table
from shared.runtime.service import Service

CHECKS: Final[dict[str, Check]] = {str(check): check for check in get_args(Check)}
COLUMNS: Final = ("item_id", "check", "expected", "actual", "proposal")
ARCHIVED: Final = ("month", "rows", "file", "sha256")


def commands() -> ServiceCommand:
    """The commands of every service, and inventory's own."""
    app = command("inventory", InventorySettings, build)
    _add_reconcile(app)
    _add_correct(app)
    _add_archive(app)
    return app


def _add_reconcile(app: ServiceCommand) -> None:
    @app.command()
    def reconcile(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
        """Proves levels against ledger and reservations; exit code 1 if they differ. Corrects nothing."""

        async def work(service: Service) -> int:
            async with service.database.reading() as connection:
                found = await history.reconcile(connection)
            _print(found, as_json)
            return DONE if found["ok"] else CHECK_FAILED

        app.run(work)


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [_row(deviation) for deviation in found["deviations"]]
    if rows:
        print_table(COLUMNS, rows)
    typer.echo(f"{found['checked_items']} items checked, {len(rows)} deviations", err=True)


def _row(deviation: dict[str, Any]) -> list[Any]:
    told = {**deviation, "proposal": "{type} {quantity:+}: {note}".format(**deviation["proposal"])}
    return [told[column] for column in COLUMNS]


def _add_correct(app: ServiceCommand) -> None:
    @app.command("correct")
    def correct_command(
        item: Annotated[str, typer.Option(help="The item.")],
        check: Annotated[str, typer.Option(help="The check that failed.")],
        quantity: Annotated[int, typer.Option(help="As proposed.")],
        reason: Annotated[str, typer.Option(help="Why, for the ledger.")],
    ) -> None:
        """Writes one correcting entry that `reconcile` proposes; exit code 1 if it does not propose it (any more)."""
        if check not in CHECKS:
            raise typer.BadParameter(f"must be one of {', '.join(CHECKS)}", param_hint="--check")

        async def work(service: Service) -> int:
            asked = Correction(new_id(), item, CHECKS[check], quantity, reason, getpass.getuser())
            async with service.database.transaction() as tx:
                transaction_id = await correct(tx, asked)
            if transaction_id is None:
                typer.echo("reconcile does not propose this (any more)", err=True)
                return CHECK_FAILED
            typer.echo(str(transaction_id))
            return DONE

        app.run(work)


def _add_archive(app: ServiceCommand) -> None:
    @app.command("archive")
    def archive_command(
        before: Annotated[str, typer.Option(metavar="YYYY-MM", help="Months before this one go.")],
        to: Annotated[Path, typer.Option(metavar="DIR", help="A folder that is there.")] = Path(),
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell which months would go.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    ) -> None:
        """Writes old months of the ledger to files, then takes them out of the database; safe to run again."""
        bound = _month(before)
        if not to.is_dir():
            raise typer.BadParameter(f"{to} is not a folder", param_hint="--to")

        async def work(service: Service) -> int:
            found: list[Archived] = []
            try:
                if dry_run:
                    found = await planned(service.database, bound, to)
                else:
                    async for one in archive(service.database, bound, to, getpass.getuser()):
                        found.append(one)
            except (NotOver, OtherFile) as refusal:
                raise WrongInput(str(refusal)) from refusal
            finally:
                _print_archived(found, as_json)
            typer.echo(f"{len(found)} months {'would be ' if dry_run else ''}archived", err=True)
            return DONE

        app.run(work)


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise typer.BadParameter(f"{text}: must be a month such as 2026-01", param_hint="--before") from None


def _print_archived(found: list[Archived], as_json: bool) -> None:
    rows = [
        {"month": f"{one.month:%Y-%m}", "rows": one.rows, "file": str(one.file), "sha256": one.sha256} for one in found
    ]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(ARCHIVED, [[row[column] for column in ARCHIVED] for row in rows])


if __name__ == "__main__":
    commands()()
