"""Every writing or locking statement of bottling."""
