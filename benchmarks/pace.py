"""How long a piece of work takes, done over and over."""

import time
from collections.abc import Callable


def repeated(work: Callable[[], object], stop: float) -> list[float]:
    """Seconds that each took which began before this moment; once at least."""
    times: list[float] = []
    while not times or time.perf_counter() < stop:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def in_seconds(seconds: float) -> float:
    """The moment when so many seconds will have passed."""
    return time.perf_counter() + seconds
