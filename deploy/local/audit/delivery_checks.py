"""Nothing was lost between the services: offsets, outboxes, inboxes and versions leave no gap."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from deploy.local.audit.books import Books, Mail, Sent
from deploy.local.audit.deviation import Deviation
from deploy.local.audit.log import SKIPPING, Log, Place, Seen
from shared.contracts.catalog import BY_NAME, RETENTION_DAYS, SERVICES, Service, read_by

RETENTION: Final = timedelta(days=RETENTION_DAYS)
INBOX_KEPT: Final = timedelta(days=13)
SEGMENT_RECORDS_MIN: Final = 200_000
"""Fewer records cannot fill a segment, and only full or old segments are compacted."""
GAPS_NAMED_MAX: Final = 20


def complete(books: Books) -> bool:
    """True if the installation is younger than the topics' retention: then every record must still be there."""
    return books.now - books.since < RETENTION


def check_offsets(books: Books, log: Log) -> Iterator[Deviation]:
    """Topics begin at 0 unless old records may be gone, and no offset between first and end is missing."""
    offsets: defaultdict[Place, set[int]] = defaultdict(set)
    for seen in log.records:
        offsets[seen.topic, seen.partition].add(seen.offset)
    for (topic, partition), (first, end) in sorted(log.ranges.items()):
        subject = f"{topic} partition {partition}"
        if first > 0 and complete(books):
            why = f"offset 0, the installation being younger than {RETENTION_DAYS} days"
            yield Deviation("topic_start", subject, why, f"offset {first}", "Kafka")
        if _may_be_compacted(books, topic, end):
            continue
        gaps = sorted(set(range(first, end)) - offsets[topic, partition])
        for offset in gaps[:GAPS_NAMED_MAX]:
            yield Deviation("topic_gap", f"{subject} offset {offset}", "a record", "none", "Kafka")
        if len(gaps) > GAPS_NAMED_MAX:
            yield Deviation("topic_gap", subject, "no gap", f"{len(gaps)} offsets are missing", "Kafka")


def _may_be_compacted(books: Books, topic: str, end: int) -> bool:
    return BY_NAME[topic].compacted and not (complete(books) and end < SEGMENT_RECORDS_MIN)


def check_outboxes(books: Books, log: Log) -> Iterator[Deviation]:
    """Every event that is still in an outbox is on its topic; of compacted topics the newest of each key."""
    on_topic = {(seen.topic, seen.id) for seen in log.records if seen.id is not None}
    for service, mail in sorted(books.mail.items()):
        for row in _due(mail.sent):
            if (row.type, row.id) not in on_topic:
                subject, where = f"{row.type} of {row.subject}, ce_id {row.id}", f"{service}: outbox against Kafka"
                yield Deviation("outbox_topic", subject, "on its topic", "not there", where)


def _due(sent: tuple[Sent, ...]) -> Iterator[Sent]:
    newest = {(row.type, row.subject): row.id for row in sent}
    for row in sent:
        if row.type not in BY_NAME or not BY_NAME[row.type].compacted or newest[row.type, row.subject] == row.id:
            yield row


def check_inboxes(books: Books, log: Log, prefix: str) -> Iterator[Deviation]:
    """Every record is in the inbox or the dead letters of each service that reads its topic; no inbox has more."""
    for service in SERVICES:
        mail = books.mail.get(service, Mail())
        read = {event.name for event in read_by(service)}
        records = [seen for seen in log.records if seen.topic in read]
        yield from _unheard(books, service, mail, records, prefix)
        yield from _unfounded(books, service, mail, records, log)


def _unheard(books: Books, service: Service, mail: Mail, records: list[Seen], prefix: str) -> Iterator[Deviation]:
    for seen in records:
        deletion_marker = seen.id is None and not seen.unreadable
        if deletion_marker or seen.id in mail.heard or _forgotten(books, seen.id):
            continue
        if (prefix + seen.topic, seen.partition, seen.offset) not in mail.dead:
            subject = f"{seen.topic} partition {seen.partition} offset {seen.offset}, ce_id {seen.id}"
            where = f"{service}: inbox and dead_letters against Kafka"
            yield Deviation("inbox_record", subject, "handled or a dead letter", "neither", where)


def _unfounded(books: Books, service: Service, mail: Mail, records: list[Seen], log: Log) -> Iterator[Deviation]:
    """Handled events that no topic has any more; only while no record may have been removed by age or compaction."""
    ends = [(topic, end) for (topic, _), (_, end) in log.ranges.items()]
    if not complete(books) or any(_may_be_compacted(books, topic, end) for topic, end in ends):
        return
    for id in sorted(mail.heard - {seen.id for seen in records if seen.id is not None}):
        yield Deviation("inbox_record", f"ce_id {id}", "on a topic", "on none", f"{service}: inbox against Kafka")


def _forgotten(books: Books, id: UUID | None) -> bool:
    """True for an event so old that the inbox has dropped it."""
    if id is None or id.version != 7:
        return False
    made = datetime.fromtimestamp((id.int >> 80) / 1000, UTC)
    return books.now - made > INBOX_KEPT


def check_versions(books: Books, log: Log) -> Iterator[Deviation]:
    """First occurrences of each aggregate's events count from 1 without a gap, up to the version in its table."""
    versions: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for seen in log.records:
        if seen.id is not None and seen.topic not in SKIPPING and seen.source:
            versions[seen.source, seen.subject].add(seen.version)
    for (source, subject), found in sorted(versions.items()):
        if not source.startswith("/flacon/"):
            continue
        first = 1 if complete(books) else min(found)
        missing = sorted(set(range(first, max(found) + 1)) - found)
        if missing:
            yield Deviation("version_gap", f"{source} {subject}", f"versions {missing}", "not on any topic", "Kafka")
    yield from _newest_versions(books, versions)


def check_order(books: Books, log: Log) -> Iterator[Deviation]:
    """On each topic the versions of an aggregate come in their order; a record that comes again is not looked at.

    A question that is asked again is a new event with the version of the first.

    Of topics from which old records may be gone, what is left may begin with a repeat, so they are passed over.
    """
    newest: defaultdict[tuple[str, int, str, str], int] = defaultdict(int)
    known: set[UUID] = set()
    for seen in sorted(log.records, key=lambda seen: (seen.topic, seen.partition, seen.offset)):
        if not complete(books) or seen.id is None or seen.id in known or seen.topic in SKIPPING:
            continue
        known.add(seen.id)
        key = (seen.topic, seen.partition, seen.source, seen.subject)
        if seen.source.startswith("/flacon/") and seen.version < newest[key]:
            subject = f"{seen.topic} partition {seen.partition} offset {seen.offset}: {seen.subject}"
            yield Deviation(
                "version_order", subject, f"version {newest[key]} or later", f"version {seen.version}", "Kafka"
            )
        newest[key] = max(newest[key], seen.version)


def _newest_versions(books: Books, versions: defaultdict[tuple[str, str], set[int]]) -> Iterator[Deviation]:
    told = {
        "order": {order.order_id: order.version for order in books.orders.values()},
        "inventory": {claim.claim_id: claim.version for claim in books.claims.values()},
        "bottling": {batch.batch_id: batch.version for batch in books.batches.values()},
        "fulfillment": {one.order_id: one.version for one in books.fulfillments.values()},
    }
    for service, aggregates in told.items():
        for subject, version in sorted(aggregates.items()):
            newest = max(versions.get((f"/flacon/{service}", subject), {0}))
            if newest != version and (newest or complete(books)):
                where = f"{service}: version against Kafka"
                yield Deviation("version_newest", subject, f"version {version}", f"version {newest}", where)
