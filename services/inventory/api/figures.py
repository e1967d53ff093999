"""The routes of figures."""

from fastapi import APIRouter

from services.inventory.views.figures import read_figures
from shared.runtime import kpis
from shared.runtime.database import Database


def figure_routes(database: Database) -> APIRouter:
    """What the stock of a window comes to."""
    return kpis.routes("/api/inventory", "inventory", database, read_figures)
