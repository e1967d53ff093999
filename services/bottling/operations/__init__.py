"""What bottling can do: one transaction each, on lists."""
