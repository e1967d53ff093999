"""Every statement of inventory that locks or writes."""
