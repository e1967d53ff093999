"""HTTP: parse -> operation or view -> response."""

from services.inventory.api.routes import routes

__all__ = ["routes"]
