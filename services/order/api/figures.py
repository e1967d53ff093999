"""The routes of figures."""

from fastapi import APIRouter

from services.order.views.figures import read_figures
from shared.runtime import kpis
from shared.runtime.database import Database


def figure_routes(database: Database) -> APIRouter:
    """What the orders of a window come to."""
    return kpis.routes("/api/orders", "orders", database, read_figures)
