"""The order service: accepts orders, leads each through the saga, and tells customers how it stands."""
