"""Engines that die, hang, or never come to be: who pays for it, and that others take their place."""

from contextlib import suppress
from itertools import cycle

import pytest

from service.batcher import Bounds, NoEngine
from service.jobs import End, EngineFailure
from tests.service.batching import (
    AT_ONCE,
    Told,
    batching,
    ends,
    eventually,
    held_at_work,
    job,
    nervous_threads,
    submitted,
)
from tests.service.engines.fakes import DEADLY, POISON, Works, answer_to, window

BRIEFLY = Bounds(first_pause_s=0.001)


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
def told() -> Told:
    return Told()


# Engines that die, or never come to be


def test_while_there_is_no_engine_jobs_are_refused_and_those_that_are_in_wait(works: Works, told: Told) -> None:
    with batching(works, told, bounds=BRIEFLY) as batcher:
        works.loading.hold()
        (killer, mate) = submitted(batcher, job(DEADLY), job(1))
        works.loading.wait_until_held()
        assert batcher.engines_at_work == 0
        with pytest.raises(NoEngine):
            batcher.submit(job(2))
        assert batcher.predicted_seconds(1) > 0
        works.loading.open()
        told.wait_for(killer, mate)
        eventually(lambda: batcher.engines_at_work == 1)
        told.wait_for(*submitted(batcher, job(3)))
        assert batcher.restarts >= 1
    assert ends([killer, mate]) == [End.FAILED, End.ANSWERED]


def test_attempts_that_were_in_vain_are_told_until_one_is_not(works: Works, told: Told) -> None:
    with batching(works, told, bounds=BRIEFLY) as batcher:
        works.refuse_to_load = 10**9
        (one,) = submitted(batcher, job(DEADLY))
        eventually(lambda: batcher.failures > 3)
        works.refuse_to_load = 0
        told.wait_for(one)
        eventually(lambda: batcher.engines_at_work)
        assert batcher.failures == 0


def test_while_one_engine_is_lost_the_other_works(works: Works, told: Told) -> None:
    with batching(works, told, replicas=2) as batcher:
        jobs = held_at_work(works, batcher, 1, 2)
        works.made[0].is_dead = True
        works.refuse_to_load = 10**9
        works.computing.open()
        told.wait_for(*jobs)
        eventually(lambda: batcher.engines_at_work == 1)
        jobs += submitted(batcher, *[job(value, value) for value in range(3, 20)])
        told.wait_for(*jobs)
        assert (batcher.restarts, batcher.failures) == (1, 0)
        works.refuse_to_load = 0
    assert ends(jobs) == [End.ANSWERED] * len(jobs)


def test_a_failure_names_no_part_of_the_machine(works: Works, told: Told) -> None:
    with batching(works, told) as batcher:
        (one,) = submitted(batcher, job(POISON))
        told.wait_for(one)
    assert isinstance(one.error, EngineFailure)
    assert str(one.error) == "the engine could not make anything of this sound"


# Engines that hang


def test_what_hangs_is_replaced_and_what_it_held_is_answered(works: Works, told: Told) -> None:
    with batching(works, told, bounds=Bounds(hang_after_s=AT_ONCE)) as batcher:
        (held,) = held_at_work(works, batcher, 1)
        batcher.watch()
        told.wait_for(held)
        assert (batcher.restarts, len(works.made)) == (1, 2)
        rows_before = held.rows
        works.computing.open()
        eventually(lambda: works.made[0].closes)
        assert held.rows is rows_before
        assert held.rows == [answer_to(window(1))]
        told.wait_for(*submitted(batcher, job(2)))
    assert works.batches == [[1], [1], [2]]


def test_an_engine_that_comes_back_in_time_is_not_replaced(works: Works, told: Told) -> None:
    with batching(works, told) as batcher:
        (held,) = held_at_work(works, batcher, 1)
        batcher.watch()
        works.computing.open()
        told.wait_for(held)
        assert (batcher.restarts, len(works.made)) == (0, 1)


def test_what_hung_with_its_batch_twice_fails_and_its_batch_mates_do_not(works: Works, told: Told) -> None:
    with batching(works, told, bounds=Bounds(hang_after_s=AT_ONCE)) as batcher:
        jobs = held_at_work(works, batcher, 1)
        jobs += submitted(batcher, job(2))
        works.computing.hold()
        batcher.watch()
        works.computing.wait_until_held()
        batcher.watch()
        told.wait_for(*jobs)
    assert ends(jobs) == [End.FAILED, End.ANSWERED]


def test_whenever_an_engine_is_given_up_no_window_is_lost(told: Told) -> None:
    works = Works(seconds=cycle([0.0, 0.0002, 0.0004, 0.0006, 0.0008]).__next__)
    bounds = Bounds(most_waiting=10_000, hang_after_s=0.0004)
    jobs = []
    with nervous_threads(), batching(works, told, replicas=2, bounds=bounds) as batcher:
        for value in range(1, 150):
            with suppress(NoEngine):
                jobs += submitted(batcher, job(value, value))
            batcher.watch()
        while batcher.line.unfinished:
            batcher.watch()
        told.wait_for(*jobs)
        assert batcher.restarts > 5
    assert set(ends(jobs)) <= {End.ANSWERED, End.FAILED}
    for one in jobs:
        assert one.end is End.FAILED or one.rows == [answer_to(window(row[1])) for row in one.rows]


def test_a_new_engine_that_hangs_while_it_loads_is_replaced(works: Works, told: Told) -> None:
    with batching(works, told, bounds=Bounds(load_within_s=AT_ONCE)) as batcher:
        works.loading.hold()
        (one,) = submitted(batcher, job(1, DEADLY))
        works.loading.wait_until_held()
        assert (batcher.failures, batcher.restarts) == (0, 1)
        works.loading.hold()
        batcher.watch()
        works.loading.wait_until_held()
        assert batcher.failures == 1
        batcher.watch()
        told.wait_for(one)
        eventually(lambda: batcher.engines_at_work)
        assert batcher.failures == 0
