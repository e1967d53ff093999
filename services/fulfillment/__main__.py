"""`python -m services.fulfillment serve | migrate | openapi | asyncapi | dead-letters ... | republish`."""

from services.fulfillment.app import build
from services.fulfillment.settings import FulfillmentSettings
from shared.runtime.command import command

if __name__ == "__main__":
    command("fulfillment", FulfillmentSettings, build)()
