"""A place that is the tiny server of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import load
from benchmarks.cost import Cost
from benchmarks.rates.places import Address, Place
from tests.benchmarks.tiny import Reply, server_apart


@contextmanager
def place_with(reply: Reply, label: str = "rooster") -> Iterator[Place]:
    """One sound, and the label that belongs to it."""
    with server_apart(reply) as port:
        address = Address("127.0.0.1", port, "localhost")
        yield Place("a tiny server", address, [b"sound" * 1000], [label], lambda made: (load.run(made()), Cost()))
