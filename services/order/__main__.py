"""`python -m services.order serve | migrate | ... | mail-preview | mails list|resend`."""

from typing import Annotated, Any, Final
from uuid import UUID

import typer

from services.order.app import build
from services.order.domain.mails import KINDS, LANGUAGES, STATES, Kind, Language, State
from services.order.operations.mailing import MailName, resend
from services.order.operations.previewing import Address, of_order, sample
from services.order.settings import OrderSettings
from services.order.views.letters import letter_of
from services.order.views.mails import list_mails
from shared.runtime.command import CHECK_FAILED, DONE, ServiceCommand, WrongInput, command
from shared.runtime.printing import print_json, print_table
from shared.runtime.service import Service

KIND: Final[dict[str, Kind]] = {str(kind): kind for kind in KINDS}
LANGUAGE: Final[dict[str, Language]] = {str(language): language for language in LANGUAGES}
STATE: Final[dict[str, State]] = {str(state): state for state in STATES}
COLUMNS: Final = ("mail", "state", "attempts", "refusals", "made_at", "next_attempt_at", "ended_at", "last_error")


def commands() -> ServiceCommand:
    """The commands of every service, and order's own."""
    app = command("order", OrderSettings, build)
    _add_preview(app)
    mails = typer.Typer(no_args_is_help=True, help="What customers are told by mail.")
    _add_list(app, mails)
    _add_resend(app, mails)
    app.add_typer(mails, name="mails")
    return app


def _add_preview(app: ServiceCommand) -> None:
    @app.command("mail-preview")
    def mail_preview(
        kind: Annotated[str, typer.Argument(help=", ".join(KINDS))],
        order: Annotated[str | None, typer.Option(metavar="ID", help="As it is now; else a made-up one.")] = None,
        language: Annotated[str | None, typer.Option(help=f"{', '.join(LANGUAGES)}; else the address's.")] = None,
        html: Annotated[bool, typer.Option("--html", help="The HTML instead of the text.")] = False,
    ) -> None:
        """Prints how a mail reads; sends and writes nothing."""
        if kind not in KIND:
            raise typer.BadParameter(f"must be one of {', '.join(KINDS)}", param_hint="KIND")
        if language is not None and language not in LANGUAGE:
            raise typer.BadParameter(f"must be one of {', '.join(LANGUAGES)}", param_hint="--language")
        chosen = None if language is None else LANGUAGE[language]
        if order is None:
            facts, address = sample(KIND[kind])
            _print(KIND[kind], facts, address, chosen, html)
            return
        order_id = str(_uuid(order, "--order"))

        async def work(service: Service) -> int:
            assert isinstance(service.settings, OrderSettings)
            async with service.database.transaction() as tx:
                tx.quiet = True
                found = await of_order(tx, KIND[kind], order_id, service.settings.policy())
            if found is None:
                raise WrongInput(f"--order {order_id}: there is no such order")
            _print(KIND[kind], *found, chosen, html)
            return DONE

        app.run(work)


def _print(kind: Kind, facts: dict[str, Any], address: Address, language: Language | None, html: bool) -> None:
    letter = letter_of(kind, facts, address, language)
    typer.echo(letter.html if html else f"Subject: {letter.subject}\n\n{letter.text}", nl=False)


def _add_list(app: ServiceCommand, mails: typer.Typer) -> None:
    @mails.command("list")
    def list_command(
        state: Annotated[str, typer.Option(help=", ".join(STATES))] = "dead",
        order: Annotated[str | None, typer.Option(metavar="ID", help="Only of this order.")] = None,
        limit: Annotated[int, typer.Option(min=1, max=10_000)] = 500,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
    ) -> None:
        """Newest first."""
        if state not in STATE:
            raise typer.BadParameter(f"must be one of {', '.join(STATES)}", param_hint="--state")
        order_id = None if order is None else str(_uuid(order, "--order"))

        async def show(service: Service) -> int:
            async with service.database.reading() as connection:
                found = await list_mails(connection, STATE[state], order_id, limit)
            if as_json:
                print_json(found)
            else:
                print_table(COLUMNS, [[mail[column] for column in COLUMNS] for mail in found])
            return DONE

        app.run(show)


Names = Annotated[list[str] | None, typer.Argument(metavar="ORDER_ID.KIND.N...")]


def _add_resend(app: ServiceCommand, mails: typer.Typer) -> None:
    @mails.command("resend")
    def resend_command(
        names: Names = None, every: Annotated[bool, typer.Option("--all", help="Every dead one.")] = False
    ) -> None:
        """Has dead mails tried again, each with its Message-ID; exit code 1 if a named one was not dead."""
        if bool(names) == every:
            raise typer.BadParameter("give mails such as ORDER_ID.shipped.1, or --all")
        named = None if every else [_name(text) for text in names or ()]

        async def work(service: Service) -> int:
            async with service.database.transaction() as tx:
                tried = await resend(tx, named)
            for one in tried:
                typer.echo("{}.{}.{}".format(*one))
            typer.echo(f"{len(tried)} will be tried again", err=True)
            return CHECK_FAILED if named is not None and len(tried) < len(set(named)) else DONE

        app.run(work)


def _name(text: str) -> MailName:
    order_id, _, rest = text.partition(".")
    kind, _, number = rest.partition(".")
    if kind not in KIND or not (number.isdecimal() and len(number) <= 9):
        raise typer.BadParameter(f"{text}: a mail is named as ORDER_ID.KIND.N, by its Message-ID")
    return str(_uuid(order_id, text)), kind, int(number)


def _uuid(text: str, where: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter(f"{text}: an order's id is a UUID", param_hint=where) from None


if __name__ == "__main__":
    commands()()
