"""Copies of the records that every event copies, made without their constructors."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

R = TypeVar("R")


def made(kind: type[R], fields: Mapping[str, Any]) -> R:
    """A record of exactly these fields; they must be all that its dataclass has, and the class may have no slots."""
    record = object.__new__(kind)
    record.__dict__.update(fields)
    return record


if TYPE_CHECKING:
    from dataclasses import replace as replace
else:

    def replace(record: R, /, **changes: Any) -> R:
        """What `dataclasses.replace` does, in a seventh of its time: an order has forty fields."""
        copy = object.__new__(type(record))
        copy.__dict__.update(record.__dict__)
        copy.__dict__.update(changes)
        return copy
