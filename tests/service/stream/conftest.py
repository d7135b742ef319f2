"""One service for all tests of live streams that need nothing special: each start takes longer than most of them."""

from collections.abc import Iterator

import pytest

from tests.service.process import Process, running


@pytest.fixture(scope="package")
def server() -> Iterator[Process]:
    """The small shipped bundle behind a real socket, as a process of its own."""
    with running("--bundle", "esc10-resnet") as process:
        yield process
