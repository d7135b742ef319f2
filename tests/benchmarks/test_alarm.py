"""An alarm rings at its moment: not before it, and not a millisecond after."""

import asyncio
import time

import numpy as np

from benchmarks import load
from benchmarks.alarm import Alarm


def test_it_is_finer_than_the_timers_of_the_loop() -> None:
    async def lateness() -> list[float]:
        late = []
        with Alarm() as alarm:
            for _ in range(200):
                moment = time.perf_counter() + 0.0003
                await alarm.until(moment)
                late.append(time.perf_counter() - moment)
        return late

    late = load.run(lateness())
    assert min(late) >= 0
    assert np.quantile(late, 0.2) < 0.0005  # in whole milliseconds it would be 0.0007 or more


def test_a_moment_that_has_passed_is_no_reason_to_wait_but_others_have_their_turn() -> None:
    async def turns() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        with Alarm() as alarm:
            ticking = asyncio.create_task(tick())
            for _ in range(100):
                await alarm.until(time.perf_counter() - 1)
            ticking.cancel()
        return ticks

    assert load.run(turns()) >= 99


def test_a_moment_of_long_ago_on_a_clock_that_has_just_begun_rings_too() -> None:
    async def rung() -> None:
        with Alarm() as alarm:
            for _ in range(3):
                await asyncio.wait_for(alarm.until(time.perf_counter() + 1e-9), 1.0)

    load.run(rung())
