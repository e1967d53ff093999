"""Bottling: recipes, and the batches that turn materials into goods."""
