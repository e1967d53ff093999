"""HTTP: parse, operation or view, response."""
