"""What bottling shows: bodies of answers, lists, open questions."""
