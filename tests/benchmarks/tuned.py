"""Candidates whose figures are known."""

from benchmarks.tuning.choice import Measured, Point
from service.profiles import Tuning

LOADS = (1, 4, 8)


def measured(
    lone_ms: float, *rates: float, p99_ms: tuple[float, ...] = (10.0, 20.0, 40.0), batch: int = 4, rounds: int = 1,
    errors: int = 0,
) -> Measured:  # fmt: skip
    """One that takes so long for a lone request, and answers so many per second of 1, 4 and 8 connections."""
    points = [
        Point(load, rate, lone_ms if load == 1 else p99 / 2, p99, errors if load > 1 else 0, 0.1)
        for load, rate, p99 in zip(LOADS, rates, p99_ms, strict=True)
    ]
    return Measured(Tuning(replicas=1, threads=2, max_batch=batch), [points] * rounds)
