"""HTTP: parse -> operation or view -> response."""

from services.fulfillment.api.routes import routes

__all__ = ["routes"]
