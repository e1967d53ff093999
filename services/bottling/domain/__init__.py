"""The rules of bottling: values in, values out; no clock, no I/O."""
