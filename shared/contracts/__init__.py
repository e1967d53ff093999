"""What crosses a service's border: the envelope, the payloads of every event, and the catalog of topics."""
