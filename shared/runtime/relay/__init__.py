"""The relay: sends what the outbox holds, in order, by one leader per shard."""

from shared.runtime.relay.relay import Relay, measured_unsent, unsent
from shared.runtime.relay.shard import sendable

__all__ = ["Relay", "measured_unsent", "sendable", "unsent"]
