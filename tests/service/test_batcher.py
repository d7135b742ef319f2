"""The batcher on fake engines and real threads: who is answered, by what, in which company, and how it ends.

Its faults have tests of their own, and so has who is admitted.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from service.batcher import Batcher, Bounds, NoEngine
from service.jobs import End, Job
from service.line import LineClosed
from tests.service.batching import AT_ONCE, Told, batching, ends, eventually, held_at_work, job, submitted
from tests.service.engines.fakes import (
    DEADLY,
    MAX_BATCH,
    NOISE,
    POISON,
    SAMPLES,
    Works,
    rows,
    window,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
def told() -> Told:
    return Told()


def test_each_of_many_jobs_gets_its_own_answers(works: Works, told: Told) -> None:
    def jobs_of(seed: int) -> list[tuple[Job, list[list[float]] | None]]:
        dice = np.random.default_rng(seed)
        made = []
        for number in range(60):
            sizes = dice.integers(1, SAMPLES + 1, dice.integers(1, 7)).tolist()
            windows = [window(1000 * seed + number + 0.5, size) for size in sizes]
            wanted = [[float(one.sum()), float(one[0])] for one in windows]
            bad = dice.random() < 0.1
            if bad:
                windows[-1] = window(dice.choice([POISON, NOISE]))
            made.append((Job(list(windows), 1e12), None if bad else wanted))
        return made

    def submit(seed: int) -> list[tuple[Job, list[list[float]] | None]]:
        made = jobs_of(seed)
        for one, _ in made:
            batcher.submit(one)
        return made

    with batching(works, told, replicas=3, bounds=Bounds(most_waiting=10_000)) as batcher:
        with ThreadPoolExecutor(4) as pool:
            everyone = [pair for each in pool.map(submit, range(1, 5)) for pair in each]
        told.wait_for(*[one for one, _ in everyone])
    for one, wanted in everyone:
        assert (one.end, one.rows) == (End.ANSWERED, wanted) if wanted else one.end is End.FAILED
    assert any(len(batch) == MAX_BATCH for batch in works.batches)


def test_a_lone_job_is_a_batch_of_its_own(works: Works, told: Told) -> None:
    with batching(works, told) as batcher:
        for value in (1, 2, 3):
            told.wait_for(*submitted(batcher, job(value)))
    assert works.batches == [[1], [2], [3]]


def test_while_an_engine_is_busy_its_next_batch_fills(works: Works, told: Told) -> None:
    with batching(works, told) as batcher:
        jobs = held_at_work(works, batcher, 1)
        jobs += submitted(batcher, *[job(2 + number) for number in range(MAX_BATCH + 2)])
        works.computing.open()
        told.wait_for(*jobs)
    assert works.batches == [[1], [2, 3, 4, 5], [6, 7]]
    assert [one.batch_size for one in jobs] == [1, 4, 4, 4, 4, 2, 2]


def test_engines_share_what_waits(works: Works, told: Told) -> None:
    with batching(works, told, replicas=2) as batcher:
        jobs = held_at_work(works, batcher, 1, 2)
        jobs += submitted(batcher, job(3, 4, 5, 6))
        works.computing.open()
        told.wait_for(*jobs)
    assert works.batches[2] == [3, 4], "the first that is free leaves the other its half"


def test_buffers_are_allocated_once(works: Works, told: Told) -> None:
    with batching(works, told, replicas=2) as batcher:
        before = [engine.staging for engine in works.made]
        for value in range(1, 30):
            told.wait_for(*submitted(batcher, job(value, value)))
        assert all(engine.staging is buffer for engine, buffer in zip(works.made, before, strict=True))


def test_it_says_what_there_is_to_do(works: Works, told: Told) -> None:
    counted: list[int] = []
    batcher = Batcher(works.ready(), works.make, rows, told, on_batch=lambda size, _: counted.append(size))
    batcher.start()
    held_at_work(works, batcher, 1)
    batcher.submit(job(2, 3))
    load = batcher.load
    assert (load.waiting, load.unfinished, load.engines, load.engines_at_work) == (2, 2, 1, 1)
    assert load.oldest_age_s >= 0
    works.computing.open()
    assert batcher.drain(30)
    assert counted == [1, 2]


def test_a_drained_batcher_has_finished_what_it_took(works: Works, told: Told) -> None:
    batcher = Batcher(works.ready(2), works.make, rows, told)
    batcher.start()
    jobs = submitted(batcher, *[job(value, value) for value in range(1, 20)])
    assert batcher.drain(30)
    told.wait_for(*jobs)
    assert ends(jobs) == [End.ANSWERED] * len(jobs)
    assert [engine.closes for engine in works.made] == [1, 1]
    with pytest.raises(LineClosed):
        batcher.line.submit(job(1))


def test_what_is_not_finished_when_patience_ends_is_refused(
    works: Works, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.batcher.LEAVE_S", 0.0)
    batcher = Batcher(works.ready(), works.make, rows, told)
    batcher.start()
    jobs = held_at_work(works, batcher, 1)
    jobs += submitted(batcher, job(2))
    assert not batcher.drain(0)
    told.wait_for(*jobs)
    assert ends(jobs) == [End.FAILED, End.FAILED]
    assert all(isinstance(one.error, NoEngine) for one in jobs)
    works.computing.open()
    eventually(lambda: works.made[0].closes)
    assert works.batches == [[1]], "what nobody waits for is not computed"


def test_what_hangs_while_the_last_jobs_are_finished_is_replaced_too(works: Works, told: Told) -> None:
    batcher = Batcher(works.ready(), works.make, rows, told, Bounds(hang_after_s=0.05))
    batcher.start()
    jobs = held_at_work(works, batcher, 1)
    jobs += submitted(batcher, job(2))
    assert batcher.drain(30)
    assert ends(jobs) == [End.ANSWERED] * 2
    assert batcher.restarts == 1
    works.open()


def test_after_the_end_nothing_is_replaced(works: Works, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.batcher.LEAVE_S", 0.0)
    batcher = Batcher(works.ready(), works.make, rows, told, Bounds(hang_after_s=AT_ONCE))
    batcher.start()
    (held,) = held_at_work(works, batcher, 1)
    batcher.line.cancel(held)
    assert batcher.drain(0)
    batcher.watch()
    assert len(works.made) == 1
    works.open()


def test_who_cannot_get_an_engine_ends_with_the_batcher(works: Works, told: Told) -> None:
    batcher = Batcher(works.ready(), works.make, rows, told)
    batcher.start()
    works.refuse_to_load = 10**9
    (one,) = submitted(batcher, job(DEADLY))
    eventually(lambda: batcher.failures)
    assert not batcher.drain(0), "half a minute's pause keeps nobody"
    told.wait_for(one)
    assert batcher.engines_at_work == 0
    assert [engine.closes for engine in works.made] == [1] * len(works.made)


def test_a_process_ends_whether_or_not_its_engine_comes_back() -> None:
    code = """
from tests.service.batching import Told, job
from tests.service.engines.fakes import Works, rows
from service.batcher import Batcher

works = Works()
batcher = Batcher(works.ready(), works.make, rows, Told())
batcher.start()
works.computing.hold()
batcher.submit(job(1))
works.computing.wait_until_held()
print("drained:", batcher.drain(0))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=25, check=True
    )
    assert result.stdout == "drained: False\n"
