"""What inventory can do: each operation is one transaction of lock, decide, save, tell."""
