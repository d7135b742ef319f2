"""What the tests of all rooms share: real clips, a data set decoded once, and a cache that is nobody's."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ESC10_MINI = Path(__file__).parent / "data" / "esc10-mini"


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Whatever is kept in the user's own cache, no test reads it, and none leaves anything there."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("EARSHOT_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def esc10_mini() -> Path:
    """Forty real clips of four classes in ESC-50's layout: eight to a fold."""
    return ESC10_MINI


@pytest.fixture(scope="session")
def esc50() -> Path:
    """The whole of ESC-50, where EARSHOT_DATA says it is."""
    if not (place := os.environ.get("EARSHOT_DATA")):
        pytest.skip("EARSHOT_DATA does not name ESC-50: make test-dataset DATA=path")
    return Path(place)
