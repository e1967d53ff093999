"""Every read model."""
