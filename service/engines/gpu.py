"""What the engines for GPUs share: the batch sizes that they prepare, and how failures of libraries are told."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager

from contract.errors import EarshotError, UnavailableError
from service.engines.base import Engine, EngineError


def batch_sizes(largest: int) -> tuple[int, ...]:
    """1, 2, 4, 8, … and the largest: others are filled up to the next of these.

    A size of its own for every count would take memory and minutes of warm-up, and shapes that change from run to run
    cost more than the few rows that are computed in vain.
    """
    return tuple(sorted({2**power for power in range(largest.bit_length())} | {largest}))


def size_for(count: int, sizes: tuple[int, ...]) -> int:
    """The smallest prepared size that has room for so many rows."""
    return sizes[bisect_left(sizes, count)]


@contextmanager
def failures(engine: str) -> Iterator[None]:
    """Whatever a library throws is said in one sentence, so that another engine can take its place."""
    try:
        yield
    except (EngineError, UnavailableError):
        raise
    except EarshotError as error:
        raise EngineError(str(error)) from error
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")
        raise EngineError(f"{engine} does not run: {type(error).__name__}: {first}") from error


@contextmanager
def closed_if_it_fails(engine: Engine, name: str) -> Iterator[None]:
    """The same while an engine gets ready: nobody closes one that never was."""
    try:
        with failures(name):
            yield
    except BaseException:
        engine.close()
        raise
