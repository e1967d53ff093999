"""The command line that every service has: `python -m services.inventory serve | migrate | dead-letters ...`."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import asyncpg
import typer
from aiokafka.errors import KafkaError

from shared.contracts.catalog import BY_NAME
from shared.runtime import dead_letters, serving
from shared.runtime.kafka.publisher import Publisher
from shared.runtime.migrate import MigrationError, all_migrations, migrate, pending
from shared.runtime.printing import print_json, print_table
from shared.runtime.republish import republish
from shared.runtime.service import Service, StartFailed, events_document, http_app
from shared.runtime.settings import ServiceSettings, SettingsError, load_settings
from shared.runtime.telemetry import configure_logs

DONE: Final = 0
CHECK_FAILED: Final = 1
WRONG_INPUT: Final = 2
COULD_NOT_RUN: Final = 3
INTERRUPTED: Final = 130
"""Exit codes of every command."""

_ON_PAPER: Final = {"postgres_dsn": "postgresql://nobody@unused", "kafka": "unused", "jwt_secret": "unused" * 6}
_COLUMNS: Final = (
    "dead_letter_id",
    "failed_at",
    "topic",
    "partition",
    "offset",
    "reason",
    "state",
    "attempts",
    "error",
)

S = TypeVar("S", bound=ServiceSettings)
Work = Callable[[Service], Coroutine[Any, Any, int]]


class WrongInput(Exception):
    """What the user gave cannot be used; the message is one line."""


class ServiceCommand(typer.Typer):
    """A service's commands; `run` is for those that a service adds itself."""

    def __init__(self, name: str, settings: type[ServiceSettings], build: Callable[[Any], Service]) -> None:
        super().__init__(name=name, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
        self._settings = settings
        self._build = build

    def service(self, **given: Any) -> Service:
        """The service as the environment sets it; ends the process with 2 if that is not possible."""
        try:
            return self._build(load_settings(self._settings, **given))
        except SettingsError as error:
            raise _ended(WRONG_INPUT, str(error)) from error

    def run(self, work: Work, *, open_database: bool = True) -> None:
        """Runs `work` with the database open, and ends the process with the exit code it returns."""
        service = self.service()
        configure_logs(service.name, service.settings.log_level, sys.stderr)

        async def run_with_database() -> int:
            if open_database:
                await service.database.open()
            try:
                return await work(service)
            finally:
                await service.database.close()

        raise typer.Exit(exit_code_of(run_with_database))


def exit_code_of(work: Callable[[], Coroutine[Any, Any, int]], runner: asyncio.Runner | None = None) -> int:
    """Runs to the end; what goes wrong is one line on stderr and a code."""
    try:
        with runner or asyncio.Runner() as running:
            return running.run(work())
    except KeyboardInterrupt:
        return INTERRUPTED
    except WrongInput as error:
        return _said(WRONG_INPUT, str(error))
    except (StartFailed, MigrationError) as error:
        return _said(COULD_NOT_RUN, str(error))
    except KafkaError as error:
        return _said(COULD_NOT_RUN, f"Kafka: {error}")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        return _said(COULD_NOT_RUN, f"{type(error).__name__}: {error}".rstrip(": "))


def _said(code: int, line: str) -> int:
    typer.echo(" ".join(line.split()), err=True)
    return code


def _ended(code: int, line: str) -> typer.Exit:
    return typer.Exit(_said(code, line))


def command(name: str, settings: type[S], build: Callable[[S], Service]) -> ServiceCommand:
    """The commands of a service; call it to run them, or add more first."""
    app = ServiceCommand(name, settings, build)
    _add_serve(app)
    _add_migrate(app)
    _add_documents(app)
    _add_republish(app)
    letters = typer.Typer(no_args_is_help=True, help="Records that were passed over.")
    _add_reading(app, letters)
    _add_changing(app, letters)
    app.add_typer(letters, name="dead-letters")
    return app


def _add_serve(app: ServiceCommand) -> None:
    @app.command()
    def serve(
        host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
        port: Annotated[int | None, typer.Option(help="0 = a free one.", min=0, max=65535)] = None,
    ) -> None:
        """Runs the service until SIGTERM."""
        given = {"host": host, "port": port}
        service = app.service(**{name: value for name, value in given.items() if value is not None})
        configure_logs(service.name, service.settings.log_level)
        raise typer.Exit(exit_code_of(lambda: serving.serve(service), serving.runner()))


def _add_migrate(app: ServiceCommand) -> None:
    @app.command("migrate")
    def migrate_command(
        check: Annotated[bool, typer.Option("--check", help="Only tell what is pending.")] = False,
    ) -> None:
        """Brings the schema up to date."""

        async def apply(service: Service) -> int:
            dsn, folder = service.settings.postgres_dsn, service.migrations
            names = await (
                _pending(dsn, service.name, folder) if check else migrate(dsn, service.name, folder, service.partitions)
            )
            for name in names:
                typer.echo(name)
            typer.echo(f"{len(names)} {'pending' if check else 'applied'}", err=True)
            return CHECK_FAILED if check and names else DONE

        app.run(apply, open_database=False)


async def _pending(dsn: str, service: str, folder: Path) -> list[str]:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        missing = await pending(connection, all_migrations(service, folder))
    finally:
        await connection.close()
    return [f"{migration.room}/{migration.name}" for migration in missing]


def _add_documents(app: ServiceCommand) -> None:
    @app.command()
    def openapi() -> None:
        """Prints the OpenAPI document."""
        print_json(http_app(app.service(**_ON_PAPER)).openapi())

    @app.command()
    def asyncapi() -> None:
        """Prints the AsyncAPI document."""
        print_json(events_document(app.service(**_ON_PAPER)))


def _add_republish(app: ServiceCommand) -> None:
    @app.command("republish")
    def republish_command(
        since: Annotated[str, typer.Option(help="As in 2026-01-31T12:00:00Z; the outbox reaches back 24 h.")],
        type: Annotated[str | None, typer.Option(help="Only events of this type.")] = None,
    ) -> None:
        """Sends again what was sent since then: the repair of a broker that lost its disk."""

        async def send(service: Service) -> int:
            moment = _moment(since)
            if type is not None and (type not in BY_NAME or BY_NAME[type].owner != service.name):
                raise WrongInput(f"--type {type}: {service.name} publishes no such event")
            settings = service.settings
            name = f"flacon-{service.name}-republish"
            async with Publisher(settings.kafka, settings.kafka_security(), name) as publisher:
                prefix = settings.topic_prefix
                sent = await republish(service.database, publisher, since=moment, type=type, prefix=prefix)
            typer.echo(str(sent))
            typer.echo(f"{sent} events sent again", err=True)
            return DONE

        app.run(send)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongInput(f"--since {text}: must be a time such as 2026-01-31T12:00:00Z") from None
    if moment.tzinfo is None:
        raise WrongInput(f"--since {text}: needs a time zone, as in 2026-01-31T12:00:00Z")
    return moment.astimezone(UTC)


def _add_reading(app: ServiceCommand, letters: typer.Typer) -> None:
    @letters.command("list")
    def list_letters(
        state: Annotated[str | None, typer.Option(help="open, replayed or purged.")] = None,
        topic: str | None = None,
        reason: str | None = None,
        limit: Annotated[int, typer.Option(min=1, max=10_000)] = 500,
        json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
    ) -> None:
        """Newest first."""

        async def show(service: Service) -> int:
            found = await dead_letters.list_letters(
                service.database, state=state, topic=topic, reason=reason, limit=limit
            )
            if json:
                print_json(found)
            else:
                print_table(_COLUMNS, [[letter[column] for column in _COLUMNS] for letter in found])
            return DONE

        app.run(show)

    @letters.command("show")
    def show_letter(id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
        """Prints one dead letter as JSON, with the whole record."""

        async def show(service: Service) -> int:
            letter = await dead_letters.show(service.database, _id(id))
            if letter is None:
                raise WrongInput(f"{id}: there is no such dead letter")
            print_json(letter)
            return DONE

        app.run(show)


Ids = Annotated[list[str] | None, typer.Argument(metavar="ID...")]
All = Annotated[bool, typer.Option("--all", help="Every open one.")]


def _add_changing(app: ServiceCommand, letters: typer.Typer) -> None:
    @letters.command("replay")
    def replay_letters(ids: Ids = None, all: All = False) -> None:
        """Runs the records through their handlers again, oldest first; exit code 1 if one fails."""

        async def replay(service: Service) -> int:
            failed = 0
            for id in await _chosen(service, ids, all):
                failed += await _replayed(service, id)
            return CHECK_FAILED if failed else DONE

        app.run(replay)

    @letters.command("purge")
    def purge_letters(ids: Ids = None, all: All = False, yes: Annotated[bool, typer.Option("--yes")] = False) -> None:
        """Empties the records and keeps the note that they were there."""

        async def purge(service: Service) -> int:
            if all and not yes:
                raise WrongInput("purge --all empties every open dead letter: say --yes too")
            chosen = await _chosen(service, ids, all)
            for id in chosen:
                if not await dead_letters.purge(service.database, id):
                    raise WrongInput(f"{id}: there is no such dead letter")
            typer.echo(f"{len(chosen)} purged", err=True)
            return DONE

        app.run(purge)


async def _replayed(service: Service, id: UUID) -> int:
    """Tells the outcome of one replay; returns 1 if it failed."""
    prefix = service.settings.topic_prefix
    replayed = await dead_letters.replay(service.database, service.subscriptions, id, prefix=prefix)
    if replayed is None:
        raise WrongInput(f"{id}: there is no such dead letter")
    typer.echo("\t".join(filter(None, (str(id), replayed.result, replayed.error))))
    return int(replayed.result == "failed")


async def _chosen(service: Service, ids: list[str] | None, all: bool) -> list[UUID]:
    if bool(ids) == all:
        raise WrongInput("give the ids of dead letters, or --all")
    return await dead_letters.ids_in_state(service.database) if all else [_id(id) for id in ids or ()]


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise WrongInput(f"{text}: a dead letter's id is a UUID") from None
