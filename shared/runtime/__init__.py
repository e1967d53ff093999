"""How any Flacon service runs: transaction, inbox, outbox, relay, Kafka, HTTP, migrations; no word of the business."""
