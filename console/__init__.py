"""The console: one live page over the four services, and the actions staff need; a process of its own."""
