"""A service shared by the tests of one module, and sounds to send to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.process import Process, running
from tests.service.tiny import Tiny, serving
from tests.service.wire import Wire, wire

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[Process]:
    """The small shipped bundle behind a real socket, as a process of its own."""
    with running("--bundle", "esc10-resnet") as process:
        yield process


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    """The smallest application that reads bodies, behind uvicorn as the service runs it."""
    with serving() as tiny:
        yield tiny


@pytest.fixture
def line(tiny: Tiny) -> Iterator[Wire]:
    """A connection to it that nothing has been sent on, and nobody refused before."""
    tiny.refusals.clear()
    with wire(tiny.port) as line:
        yield line


@pytest.fixture(scope="session")
def rooster() -> bytes:
    """A WAV of a rooster, 5 s at the model's own rate."""
    return (ROOT / "docs" / "sounds" / "rooster.wav").read_bytes()
