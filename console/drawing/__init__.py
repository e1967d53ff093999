"""Drawings as numbers: where lines and boxes go; templates make SVG of them."""
