"""One module per group of routes; what they share stands in `shared`."""
