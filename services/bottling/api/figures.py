"""The routes of figures."""

from fastapi import APIRouter

from services.bottling.views.figures import figures_in
from shared.runtime import kpis
from shared.runtime.database import Database


def figure_routes(database: Database, currency: str) -> APIRouter:
    """What the batches of a window come to."""
    return kpis.routes("/api/bottling", "bottling", database, figures_in(currency))
