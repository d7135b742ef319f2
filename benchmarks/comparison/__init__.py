"""`earshot bench compare`: two results or two commits, and whether they differ."""
