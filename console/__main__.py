"""`python -m console serve`."""

import logging
import sys
from typing import Annotated, Any, Final

import typer

from console.serving import serve
from console.settings import ConsoleSettings
from shared.runtime.service import StartFailed
from shared.runtime.serving import runner
from shared.runtime.settings import SettingsError, load_settings
from shared.runtime.telemetry import configure_logs

USAGE: Final = 2
COULD_NOT_RUN: Final = 3

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def console() -> None:
    """Flacon's console."""


@app.command("serve")
def serve_command(
    host: Annotated[str | None, typer.Option(help="CONSOLE_HOST")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="CONSOLE_PORT; 0: any free one")] = None,
) -> None:
    """Serves the console until it is told to stop."""
    given: dict[str, Any] = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    try:
        settings = load_settings(ConsoleSettings, **given)
    except SettingsError as error:
        _say(f"error: {error}")
        raise typer.Exit(USAGE) from None
    configure_logs("console", settings.log_level)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        with runner() as run:
            code = run.run(serve(settings))
    except StartFailed as error:
        _say(f"error: {error}")
        raise typer.Exit(COULD_NOT_RUN) from None
    raise typer.Exit(code)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    app()
