"""How a service hears and speaks: one consumer for all its topics, one publisher that keeps order."""

from shared.runtime.kafka.consumer import Consumer

__all__ = ["Consumer"]
