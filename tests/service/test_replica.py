"""A replica alone: what an engine does wrong harms nobody but who caused it, and what hangs is given up for good."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from service.cost import Cost
from service.jobs import End, Job
from service.line import Line
from service.replica import Crew, Replica
from tests.service.batching import AT_ONCE, NEVER, Told, eventually, job
from tests.service.engines.fakes import DEADLY, NOISE, PATIENCE_S, POISON, Works, answer_to, rows, window


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def line(told: Told) -> Line:
    return Line(100, told)


def crew(
    works: Works,
    line: Line,
    hang_after_s: float = NEVER,
    load_within_s: float = NEVER,
    first_pause_s: float = 0.001,
    on_batch: Callable[[int, float], None] = lambda *_: None,
) -> Crew:
    return Crew(line, rows, works.make, Cost(), hang_after_s, load_within_s, first_pause_s, lambda: 1, on_batch)


@contextmanager
def at_work(replica: Replica, works: Works, line: Line) -> Iterator[Replica]:
    """Started; afterwards, it has ended by itself because nothing is left to do."""
    replica.start()
    try:
        yield replica
    finally:
        works.open()
        line.close()
        if replica.failures:
            replica.retire()
        replica.join(PATIENCE_S)
    assert not replica.is_alive()
    assert all(engine.closes == 1 for engine in works.made), "whatever was made was closed"


def one_batch(line: Line, *values: float) -> list[Job]:
    """Jobs of one window each, for a replica that has not started yet: so it takes them together."""
    jobs = [job(value) for value in values]
    for one in jobs:
        line.submit(one)
    return jobs


def is_answered(one: Job) -> bool:
    """Rightly: each window by its own answer."""
    return one.end is End.ANSWERED and all(row == answer_to(window(row[1])) for row in one.rows)


@pytest.mark.parametrize("bad", [POISON, NOISE])
def test_one_bad_window_fails_alone(works: Works, line: Line, told: Told, bad: float) -> None:
    jobs = one_batch(line, 1, bad, 2, 3)
    with at_work(Replica("r", crew(works, line), works.ready()[0]), works, line) as replica:
        told.wait_for(*jobs)
        assert replica.works
        assert replica.losses == 0
    assert [is_answered(one) for one in jobs] == [True, False, True, True]
    assert jobs[1].end is End.FAILED
    assert works.batches[0] == [1, bad, 2, 3], "they were together"


def test_a_batch_that_fails_once_is_answered_all_the_same(works: Works, line: Line, told: Told) -> None:
    works.failing_batches = {0}
    jobs = one_batch(line, 1, 2, 3)
    with at_work(Replica("r", crew(works, line), works.ready()[0]), works, line):
        told.wait_for(*jobs)
    assert all(is_answered(one) for one in jobs)
    assert works.batches == [[1, 2, 3], [1], [2], [3]]


def test_who_has_left_is_not_tried_again(works: Works, line: Line, told: Told) -> None:
    works.computing.hold()
    jobs = one_batch(line, 1, POISON, 2)
    with at_work(Replica("r", crew(works, line), works.ready()[0]), works, line):
        works.computing.wait_until_held()
        line.cancel(jobs[0])
        works.computing.open()
        told.wait_for(*jobs)
    assert works.batches == [[1, POISON, 2], [POISON], [2]]


def test_after_an_engine_died_the_next_one_answers(works: Works, line: Line, told: Told) -> None:
    jobs = one_batch(line, 1, DEADLY, 2)
    replica = Replica("r", crew(works, line), works.ready()[0])
    works.loading.hold()
    with at_work(replica, works, line):
        works.loading.wait_until_held()
        assert not replica.works
        assert line.waiting == 3
        works.loading.open()
        told.wait_for(*jobs)
        eventually(lambda: replica.works)
        assert (replica.losses, replica.failures) == (2, 0), "one for each time that it was tried"
    assert [is_answered(one) for one in jobs] == [True, False, True]
    assert "died on this sound" in str(jobs[1].error)


def test_a_window_that_was_tried_alone_has_died_with_nobody(works: Works, line: Line, told: Told) -> None:
    jobs = one_batch(line, DEADLY, 1, 2, 3)
    with at_work(Replica("r", crew(works, line), works.ready()[0]), works, line):
        told.wait_for(*jobs)
    assert [is_answered(one) for one in jobs] == [False, True, True, True]


def test_attempts_to_get_an_engine_go_on_until_one_works(works: Works, line: Line, told: Told) -> None:
    works.refuse_to_load, works.refuse_to_warm_up = 2, 1
    (one,) = one_batch(line, 1)
    with at_work(Replica("r", crew(works, line)), works, line) as replica:
        told.wait_for(one)
        assert is_answered(one)
        assert replica.failures == 0
    assert len(works.made) == 4


def test_the_pauses_between_attempts_double(works: Works, line: Line, caplog: pytest.LogCaptureFixture) -> None:
    works.refuse_to_load = 3
    with at_work(Replica("r", crew(works, line, first_pause_s=0.05)), works, line) as replica:
        eventually(lambda: replica.works)
    pauses = [record.args[1] for record in caplog.records if "no new engine" in record.msg]  # type: ignore[index]
    assert pauses == pytest.approx([0.05, 0.1, 0.2])


def test_after_any_number_of_attempts_the_pause_is_the_longest_and_ends_where_it_is_retired(
    works: Works, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    works.refuse_to_load = 1
    replica = Replica("r", crew(works, line))
    replica.failures = 10**6
    with at_work(replica, works, line):
        eventually(lambda: "the next attempt is in 30.0 s" in caplog.text)


def test_an_engine_that_is_deaf_from_the_start_is_no_engine(works: Works, line: Line) -> None:
    works.are_deaf = True
    with at_work(Replica("r", crew(works, line)), works, line) as replica:
        eventually(lambda: replica.failures > 1)
        assert not replica.works
        works.are_deaf = False
        eventually(lambda: replica.works)


def test_while_it_waits_for_work_it_holds_no_sound(works: Works, line: Line, told: Told) -> None:
    jobs = one_batch(line, 1, 2)
    sounds = [weakref.ref(one.windows[0]) for one in jobs]
    with at_work(Replica("r", crew(works, line), works.ready()[0]), works, line):
        told.wait_for(*jobs)
        eventually(lambda: [sound() for sound in sounds] == [None, None])


def test_a_batch_that_is_not_counted_does_not_stop_the_others(works: Works, line: Line, told: Told) -> None:
    def on_batch(size: int, seconds: float) -> None:
        if size == 2:
            raise RuntimeError(f"{seconds} s are too many")

    jobs = one_batch(line, 1, 2)
    with at_work(Replica("r", crew(works, line, on_batch=on_batch), works.ready()[0]), works, line):
        told.wait_for(*jobs)
        (next_one,) = one_batch(line, 3)
        told.wait_for(next_one)
    assert [one.end for one in jobs] == [End.FAILED, End.FAILED]
    assert is_answered(next_one)


def test_it_says_how_long_it_will_be_at_its_batch(works: Works, line: Line) -> None:
    works.computing.hold()
    one_batch(line, 1, 2)
    shared = crew(works, line)
    shared.cost.learn(2, 1000.0)
    with at_work(Replica("r", shared, works.ready()[0]), works, line) as replica:
        works.computing.wait_until_held()
        assert 900 < replica.seconds_left() <= 1000
        assert replica.is_busy
        works.computing.open()
        eventually(lambda: not replica.is_busy)
        assert replica.seconds_left() == 0.0


def test_the_longer_a_batch_is_overdue_the_less_is_it_expected_soon(works: Works, line: Line) -> None:
    works.computing.hold()
    one_batch(line, 1)
    shared = crew(works, line)
    shared.cost.learn(1, 0.001)
    with at_work(Replica("r", shared, works.ready()[0]), works, line) as replica:
        works.computing.wait_until_held()
        eventually(lambda: replica.seconds_left() > 0.02)


@pytest.mark.parametrize("late", [1.0, POISON, NOISE, DEADLY])
@pytest.mark.parametrize("mates", [(), (2.0, 3.0)])
def test_what_comes_after_it_was_given_up_changes_nothing(
    works: Works, line: Line, late: float, mates: tuple[float, ...]
) -> None:
    works.computing.hold()
    jobs = one_batch(line, late, *mates)
    replica = Replica("r", crew(works, line, hang_after_s=AT_ONCE), works.ready()[0])
    with at_work(replica, works, line):
        works.computing.wait_until_held()
        held = replica.given_up()
        assert held is not None
        assert [ticket.job for ticket in held] == jobs
        assert replica.given_up() is None, "once"
        assert not replica.works
        works.computing.open()
        replica.join(PATIENCE_S)
        assert [(one.end, one.rows) for one in jobs] == [(None, [None])] * len(jobs)
        assert len(works.batches) == 1, "nothing is tried again"
        line.put_back(held)
        assert line.waiting == len(jobs)
        line.abandon(ValueError())


def test_who_is_at_its_batch_for_less_than_is_allowed_is_not_given_up(works: Works, line: Line, told: Told) -> None:
    works.computing.hold()
    jobs = one_batch(line, 1)
    with at_work(Replica("r", crew(works, line), works.ready()[0]), works, line) as replica:
        works.computing.wait_until_held()
        assert replica.given_up() is None
        works.computing.open()
        told.wait_for(*jobs)
    assert is_answered(jobs[0])


def test_who_waits_for_work_is_not_given_up(works: Works, line: Line) -> None:
    with at_work(Replica("r", crew(works, line, AT_ONCE, AT_ONCE), works.ready()[0]), works, line) as replica:
        assert replica.given_up() is None


def test_an_engine_that_does_not_come_to_be_is_given_up_too(works: Works, line: Line) -> None:
    works.loading.hold()
    replica = Replica("r", crew(works, line, load_within_s=AT_ONCE))
    with at_work(replica, works, line):
        works.loading.wait_until_held()
        assert replica.given_up() == []
        one_batch(line, 1)
        works.loading.open()
        replica.join(PATIENCE_S)
        assert line.waiting == 1, "it takes nothing any more"
        line.abandon(ValueError())
    heir = Replica("heir", crew(works, line), before=replica)
    assert (heir.failures, heir.losses) == (1, 0)


def test_a_dead_engine_that_does_not_even_close_keeps_nothing(works: Works, line: Line) -> None:
    works.closing.hold()
    one_batch(line, DEADLY)
    with at_work(Replica("r", crew(works, line, hang_after_s=AT_ONCE), works.ready()[0]), works, line) as replica:
        works.closing.wait_until_held()
        assert line.waiting == 1
        assert replica.given_up() == []
        works.closing.open()
        replica.join(PATIENCE_S)
        line.abandon(ValueError())
