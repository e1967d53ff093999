"""Alerts about orders."""

from fastapi import APIRouter

from shared.runtime import alerts_api
from shared.runtime.alert_views import list_alerts, read_alerts
from shared.runtime.database import Database


def alert_routes(database: Database) -> APIRouter:
    """What should be looked at, and who has seen it."""
    rows = alerts_api.AlertRows(list_alerts, read_alerts)
    return alerts_api.routes("/api/orders", "orders", database, rows)
