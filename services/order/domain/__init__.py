"""Rules of orders: values in, values out."""
