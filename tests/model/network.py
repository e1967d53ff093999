"""An imperfect network: one topic per event type, any order between topics, redelivery, parking, loss, republishing."""

from dataclasses import dataclass, field
from uuid import UUID

from pydantic import BaseModel

from shared.contracts.catalog import BY_NAME, BY_PAYLOAD
from shared.contracts.envelope import Event, source_of
from tests.model.violation import require

Place = tuple[str, str, str]
"""A reader's place: service, event type, key; each key is a partition of its own, so nothing orders two of them."""
Record = Event[BaseModel]


@dataclass
class Network:
    """Topics, how far each service has read them, its dead letters, and what was lost on the way."""

    topics: dict[tuple[str, str], list[Record]] = field(default_factory=dict)
    read: dict[Place, int] = field(default_factory=dict)
    parked: list[tuple[str, Record]] = field(default_factory=list)
    lost: list[Record] = field(default_factory=list)
    told: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    published: int = 0

    def publish(self, payload: BaseModel, version: int, cause: UUID | None = None) -> UUID:
        """Puts an event on its topic; the versions of a subject must be 1, 2, 3 ... or those of a question again."""
        kind = BY_PAYLOAD[type(payload)]
        source, subject = source_of(kind.owner), kind.key_of(payload)
        self._check_version(source, subject, kind.name, version)
        self.published += 1
        event = Event(UUID(int=self.published), kind.name, source, subject, version, payload)
        self._append(event)
        return event.id

    def _check_version(self, source: str, subject: str, type: str, version: int) -> None:
        told = self.told.setdefault((source, subject), [])
        if version == len(told) + 1:
            told.append(type)
            return
        known = version <= len(told) and told[version - 1] == type and BY_NAME[type].question
        require(known, f"{type} of {subject} has version {version} after {len(told)}")

    def _append(self, event: Record) -> None:
        readers = BY_NAME[event.type].readers
        if readers:
            self.topics.setdefault((event.type, event.subject), []).append(event)
        for reader in sorted(readers):
            self.read.setdefault((reader, event.type, event.subject), 0)

    def pending(self, service: str | None = None) -> list[Place]:
        """The places where something waits to be read, of one service or of all."""
        return [
            place
            for place, position in self.read.items()
            if service in (None, place[0]) and position < len(self.topics[place[1:]])
        ]

    def take(self, place: Place, most: int = 1) -> list[Record]:
        """The next records of a partition, which count as read."""
        position = self.read[place]
        records = self.topics[place[1:]][position : position + most]
        self.read[place] = position + len(records)
        return records

    # faults

    def rewind(self, place: Place) -> None:
        """A rebalance, a crash before the acknowledgement: the last records are delivered again."""
        self.read[place] = max(0, self.read[place] - 2)

    def park(self, place: Place) -> None:
        """The next record becomes a dead letter of its reader."""
        self.parked += [(place[0], record) for record in self.take(place)]

    def unpark(self, number: int) -> tuple[str, Record]:
        return self.parked.pop(number % len(self.parked))

    def lose(self, place: Place) -> None:
        """The next record is gone before its reader has seen it."""
        self.lost += self.take(place)

    def republish(self, number: int) -> None:
        """The outbox sends a lost record once more, to every reader."""
        self._append(self.lost.pop(number % len(self.lost)))

    def publish_twice(self, place: Place) -> None:
        """A relay that did not note what it had sent: the newest record of the topic is there twice."""
        self._append(self.topics[place[1:]][-1])
