"""`python -m services.order serve | migrate | openapi | asyncapi | dead-letters | republish`."""

from services.order.app import build
from services.order.settings import OrderSettings
from shared.runtime.command import command

if __name__ == "__main__":
    command("order", OrderSettings, build)()
