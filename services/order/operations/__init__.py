"""What the order service can do; each operation is one transaction over a list."""
