"""Serves a model over HTTP: bytes of a sound in, its name out, with dynamic batching on whatever engine is there."""
