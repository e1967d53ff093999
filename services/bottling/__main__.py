"""`python -m services.bottling serve | migrate | openapi | asyncapi | dead-letters | republish`."""

from shared.runtime.command import command

from services.bottling.app import build
from services.bottling.settings import BottlingSettings

if __name__ == "__main__":
    command("bottling", BottlingSettings, build)()
