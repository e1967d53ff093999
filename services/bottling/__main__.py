"""`python -m services.bottling serve | migrate | openapi | asyncapi | dead-letters | republish`."""

from services.bottling.app import build
from services.bottling.settings import BottlingSettings
from shared.runtime.command import command

if __name__ == "__main__":
    command("bottling", BottlingSettings, build)()
