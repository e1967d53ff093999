"""Figures of what is heard and told; `service` tells apart services that share a process in tests."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

HANDLED: Final = Counter("flacon_records_handled_total", "Events handled for the first time", ("service", "topic"))
DUPLICATES: Final = Counter("flacon_records_duplicate_total", "Events that were handled before", ("service", "topic"))
DEAD: Final = Counter("flacon_records_dead_total", "Records that became dead letters", ("service", "topic", "reason"))
BATCH_SECONDS: Final = Histogram("flacon_batch_seconds", "From a poll's records to their commit", ("service",))
BATCH_RECORDS: Final = Histogram(
    "flacon_batch_records", "Records of one poll", ("service",), buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500)
)
LAG: Final = Gauge("flacon_consumer_lag", "Records behind the partition's end", ("service", "topic", "partition"))
RETRIES: Final = Counter("flacon_partition_retries_total", "Times a partition waited after a fault", ("service",))

SENT: Final = Counter("flacon_outbox_sent_total", "Outbox rows acknowledged by Kafka", ("service",))
UNSENT: Final = Gauge("flacon_outbox_unsent", "Outbox rows not sent yet", ("service",))
OLDEST: Final = Gauge("flacon_outbox_oldest_unsent_seconds", "Age of the oldest unsent outbox row", ("service",))
GAPS: Final = Gauge("flacon_outbox_gaps", "Sequence numbers that are missing and may still come", ("service", "shard"))
