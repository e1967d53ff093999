"""Inventory's rules: values in, values out."""
