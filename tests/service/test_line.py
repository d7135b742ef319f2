"""The line: who is next, who is refused, and how each job ends."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from service.jobs import End, EngineFailure, Job, Ticket
from service.line import MOST_ATTEMPTS, Line, LineClosed, LineFull
from tests.service.batching import eventually
from tests.service.engines.fakes import PATIENCE_S, window

FAR = 1e9


class Clock:
    """Shows what it is set to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[Job]:
    return []


@pytest.fixture
def line(clock: Clock, told: list[Job]) -> Line:
    return Line(4, told.extend, clock)


def job(windows: int = 1, deadline: float = FAR) -> Job:
    return Job([window(1 + i) for i in range(windows)], deadline)


def submitted(line: Line, *jobs: Job) -> list[Job]:
    for one in jobs:
        line.submit(one)
    return list(jobs)


def taken(line: Line, most: int = 8, sharers: int = 1) -> list[Ticket]:
    tickets = line.take(most, sharers)
    assert tickets is not None
    return tickets


def places(tickets: list[Ticket]) -> list[tuple[Job, int]]:
    return [(ticket.job, ticket.place) for ticket in tickets]


def test_a_job_without_windows_is_refused_because_it_would_never_end() -> None:
    with pytest.raises(ValueError, match="at least one window"):
        Job([], FAR)


def test_who_comes_first_is_served_first_window_by_window(line: Line) -> None:
    long, short = submitted(line, job(3), job())
    assert places(taken(line, 2)) == [(long, 0), (long, 1)]
    assert places(taken(line, 2)) == [(long, 2), (short, 0)]


def test_a_lone_job_is_handed_out_without_a_moment_passing(line: Line) -> None:
    (lone,) = submitted(line, job())
    assert places(taken(line, most=32, sharers=4)) == [(lone, 0)]
    assert lone.queue_seconds == 0.0


def test_a_free_engine_leaves_the_others_their_part(line: Line) -> None:
    submitted(line, job(5))
    assert [len(taken(line, 8, sharers=2)) for _ in range(3)] == [3, 1, 1]


@pytest.mark.parametrize(("seconds_each", "size"), [(1.0, 4), (3.0, 3), (4.0, 2), (9.0, 1), (11.0, 1)])
def test_nobody_is_taken_along_who_would_make_another_late(line: Line, seconds_each: float, size: int) -> None:
    submitted(line, job(), job(deadline=110.0), job(), job())
    tickets = line.take(4, seconds_for=lambda windows: windows * seconds_each)
    assert tickets is not None
    assert len(tickets) == size
    assert line.waiting == 4 - size


def test_who_is_in_a_hurry_does_not_join_a_batch_that_takes_too_long(line: Line) -> None:
    patient, hurried = submitted(line, job(2), job(deadline=102.0))
    batches = [line.take(4, seconds_for=lambda windows: 1.0 * windows) for _ in range(2)]
    assert [places(tickets or []) for tickets in batches] == [[(patient, 0), (patient, 1)], [(hurried, 0)]]


def test_a_full_line_refuses(line: Line) -> None:
    submitted(line, job(4))
    with pytest.raises(LineFull, match="4 windows are waiting"):
        line.submit(job())


def test_one_job_may_overshoot_the_bound(line: Line) -> None:
    submitted(line, job(3), job(50))
    assert line.waiting == 53


def test_a_job_is_answered_once_every_window_is(line: Line, told: list[Job]) -> None:
    (two,) = submitted(line, job(2))
    first, second = taken(line)
    line.answer([second], ["b"], 1)
    assert told == []
    line.answer([first], ["a"], 3)
    assert (told, two.end, two.rows, two.batch_size) == ([two], End.ANSWERED, ["a", "b"], 3)


def test_time_is_told_apart_into_waiting_and_computing(line: Line, clock: Clock) -> None:
    (one,) = submitted(line, job())
    clock.now += 2
    tickets = taken(line)
    clock.now += 3
    line.answer(tickets, ["a"], 1)
    assert (one.queue_seconds, one.engine_seconds) == (2, 3)


def test_what_no_engine_ever_had_has_only_waited(line: Line, clock: Clock) -> None:
    (one,) = submitted(line, job())
    clock.now += 2
    line.cancel(one)
    assert (one.queue_seconds, one.engine_seconds) == (2, 0)


def test_no_compute_is_spent_after_the_deadline(line: Line, clock: Clock, told: list[Job]) -> None:
    late, early = submitted(line, job(2, clock.now + 1), job())
    clock.now += 1
    assert places(taken(line)) == [(early, 0)]
    assert (told, late.end) == ([late], End.EXPIRED)


def test_who_leaves_is_not_handed_out(line: Line) -> None:
    gone, stays = submitted(line, job(2), job())
    line.cancel(gone)
    assert (line.waiting, gone.end, places(taken(line))) == (1, End.CANCELLED, [(stays, 0)])


def test_an_answer_for_who_has_left_changes_nothing(line: Line, told: list[Job]) -> None:
    (gone,) = submitted(line, job())
    tickets = taken(line)
    line.cancel(gone)
    line.answer(tickets, ["late"], 1)
    line.fail(tickets, EngineFailure("late"))
    line.put_back(tickets)
    line.expire(gone)
    assert (gone.end, gone.error, told, line.waiting) == (End.CANCELLED, None, [gone], 0)


def test_a_window_that_fails_fails_its_job_and_no_other(line: Line, told: list[Job]) -> None:
    bad, good = submitted(line, job(2), job())
    tickets = taken(line)
    line.fail(tickets[:1], EngineFailure("bad"))
    line.answer(tickets[1:], ["x", "y"], 3)
    assert (bad.end, good.end, told) == (End.FAILED, End.ANSWERED, [bad, good])


def test_each_job_fails_with_an_error_of_its_own(line: Line) -> None:
    one, other = submitted(line, job(), job())
    line.abandon(EngineFailure("the same for all"))
    assert [str(one.error), str(other.error)] == ["the same for all"] * 2
    assert one.error is not other.error


def test_what_an_engine_died_on_is_next_and_alone(line: Line) -> None:
    first, second, third = submitted(line, job(), job(), job())
    line.put_back(taken(line, 2))
    assert line.waiting == 3
    assert [places(taken(line)) for _ in range(3)] == [[(first, 0)], [(second, 0)], [(third, 0)]]


@pytest.mark.parametrize("first_to_die", [0, 1])
def test_what_came_first_is_next_whichever_engine_died_first(line: Line, clock: Clock, first_to_die: int) -> None:
    jobs = []
    for _ in range(3):
        jobs += submitted(line, job())
        clock.now += 1
    hands = [taken(line, 2), taken(line, 1)]
    line.put_back(hands[first_to_die])
    line.put_back(hands[1 - first_to_die])
    assert [places(taken(line)) for _ in range(3)] == [[(one, 0)] for one in jobs]


def test_what_kills_every_engine_fails_and_its_batch_mates_do_not(line: Line) -> None:
    killer, mate = submitted(line, job(), job())
    line.put_back(taken(line))
    for _ in range(MOST_ATTEMPTS - 1):
        line.put_back(taken(line))
    assert killer.end is End.FAILED
    assert "died on this sound" in str(killer.error)
    line.answer(taken(line), ["fine"], 1)
    assert mate.end is End.ANSWERED


def test_what_is_put_back_is_as_old_as_it_is(line: Line, clock: Clock) -> None:
    submitted(line, job())
    line.put_back(taken(line))
    clock.now += 7
    assert line.oldest_age() == 7


def test_a_closed_line_takes_nothing_new_but_finishes(line: Line) -> None:
    submitted(line, job())
    line.close()
    with pytest.raises(LineClosed):
        line.submit(job())
    tickets = taken(line)
    assert line.take(1) == [], "it may come back"
    line.answer(tickets, ["a"], 1)
    assert line.take(1) is None


def test_who_waits_for_work_is_told_when_there_will_be_none(line: Line) -> None:
    submitted(line, job())
    tickets = taken(line)
    line.close()
    with ThreadPoolExecutor(3) as pool:
        takers = [pool.submit(line.take, 1, 1, None) for _ in range(2)]
        over = pool.submit(line.wait_until_over, PATIENCE_S)
        line.answer(tickets, ["a"], 1)
        assert [taker.result(PATIENCE_S) for taker in takers] == [None, None]
        assert over.result(PATIENCE_S)


def test_one_submission_wakes_as_many_as_have_something_to_do(line: Line) -> None:
    with ThreadPoolExecutor(4) as pool:
        takers = [pool.submit(line.take, 1, 1, None) for _ in range(4)]
        submitted(line, job(4))
        tickets = [taker.result(PATIENCE_S) for taker in takers]
    assert sorted(ticket.place for batch in tickets if batch for ticket in batch) == [0, 1, 2, 3]


def test_what_is_put_back_wakes_who_waits_for_work(line: Line) -> None:
    submitted(line, job(2))
    tickets = taken(line)
    with ThreadPoolExecutor(2) as pool:
        takers = [pool.submit(line.take, 1, 1, PATIENCE_S) for _ in range(2)]
        eventually(lambda: len(line._changed._waiters) == 2)  # type: ignore[attr-defined]
        line.put_back(tickets)
        batches = [taker.result() or [] for taker in takers]
    assert sorted(ticket.place for batch in batches for ticket in batch) == [0, 1]


def test_who_cannot_be_told_takes_no_engine_along(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    def announce(jobs: list[Job]) -> None:
        raise RuntimeError(f"the event loop is closed, and {len(jobs)} wait there")

    line = Line(4, announce, clock)
    (one,) = submitted(line, job())
    line.answer(taken(line), ["a"], 1)
    assert one.end is End.ANSWERED
    assert "the event loop is closed" in caplog.text
