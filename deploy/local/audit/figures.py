"""What the services answer for their figures, each asked over REST for the window that the topics may tell of."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

import httpx

from deploy.local.audit.figure_checks import DAYS, Parts
from deploy.local.failure import CannotRun
from deploy.local.stack import Stack

PATHS: Final = {"order": "orders", "inventory": "inventory", "bottling": "bottling"}
ANSWER_SECONDS_MAX: Final = 30.0


async def read_figures(stack: Stack, now: datetime) -> Mapping[str, Mapping[str, Parts]]:
    """Numerator and denominator of every figure, by service.

    Raises:
        CannotRun: if a service does not answer.
    """
    window = {"from": str((now - timedelta(days=DAYS)).date()), "to": str((now + timedelta(days=DAYS)).date())}
    found = {}
    async with httpx.AsyncClient(headers=stack.headers(), timeout=ANSWER_SECONDS_MAX) as client:
        for service, path in PATHS.items():
            try:
                answer = await client.get(f"{stack.services[service]}/api/{path}/kpis", params=window)
                answer.raise_for_status()
            except httpx.HTTPError as error:
                raise CannotRun(f"{service} does not tell its figures: {error!r}") from error
            found[service] = {
                figure["name"]: (Fraction(str(figure["numerator"])), Fraction(str(figure["denominator"])))
                for figure in answer.json()["figures"]
            }
    return found
