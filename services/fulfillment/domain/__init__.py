"""The rules of fulfillment: values in, values out; no clock, no I/O."""
