"""What the order service does by itself: timers, and the sending of mails."""
