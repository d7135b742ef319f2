"""The bare engine: its labels are right, and its pace is that of work whose pace is known."""

import os
import time

import pytest

from benchmarks.clips import COUNT, RATE
from benchmarks.raw import RawEngine, RawFigures, RawOrder
from benchmarks.raw_worker import pace
from contract.errors import EarshotError

SLOW = 0.5
"""Share by which a busy machine may be late."""


def order(bundle: str) -> RawOrder:
    return RawOrder({"bundle": bundle}, "int8", max_batch=4, threads=1, clips=None, clip_rate=RATE)


def test_the_bare_engine_knows_the_clips_and_how_long_it_takes() -> None:
    with RawEngine(order("esc10-resnet"), frozenset(os.sched_getaffinity(0))) as engine:
        assert engine.labels[:2] == ["dog", "sneezing"]
        assert len(engine.labels) == COUNT
        found = engine.measure(0.2)
    assert found.engine_ms > 0.1
    assert found.clips_per_s * found.engine_cpu_ms <= 1000 * (1 + SLOW)  # one thread fills one core
    assert found.decode_ms > 0


def test_an_engine_that_cannot_be_loaded_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EarshotError, match="could not be measured"):
        RawEngine(order("no-such-bundle"), frozenset(os.sched_getaffinity(0)))
    assert "no-such-bundle" in capfd.readouterr().err


def test_pace_is_that_of_all_threads_together() -> None:
    found = pace([lambda: time.sleep(0.02)] * 3, clips=4, seconds=0.4)
    assert found.clips_per_s == pytest.approx(3 * 4 / 0.02, rel=SLOW)
    assert found.median_ms == pytest.approx(20, rel=SLOW)
    assert found.cpu_ms < 2


def test_a_look_before_and_a_look_after_are_one_figure() -> None:
    mean = RawFigures(100, 10, 9, 1).mean_with(RawFigures(50, 20, 11, 3))
    assert mean == RawFigures(75, 15, 10, 2)
    assert (
        RawFigures(100, 10, 9, 1).drift_to(mean) == mean.drift_to(RawFigures(100, 10, 9, 1)) == pytest.approx(1 / 3)
    )
