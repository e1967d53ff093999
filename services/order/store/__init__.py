"""Every statement that writes or locks."""
