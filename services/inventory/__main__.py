"""`python -m services.inventory serve | migrate | ... | reconcile | correct`."""

import getpass
from typing import Annotated, Any, Final, get_args

import typer

from services.inventory.app import build
from services.inventory.domain.deviations import Check
from services.inventory.operations.reconciliation import Correction, correct
from services.inventory.settings import InventorySettings
from services.inventory.views import history
from shared.runtime.clock import new_id
from shared.runtime.command import CHECK_FAILED, DONE, ServiceCommand, command
from shared.runtime.printing import print_json, print_table
from shared.runtime.service import Service

CHECKS: Final[dict[str, Check]] = {str(check): check for check in get_args(Check)}
COLUMNS: Final = ("item_id", "check", "expected", "actual", "proposal")


def commands() -> ServiceCommand:
    """The commands of every service, and inventory's own."""
    app = command("inventory", InventorySettings, build)
    _add_reconcile(app)
    _add_correct(app)
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


if __name__ == "__main__":
    commands()()
