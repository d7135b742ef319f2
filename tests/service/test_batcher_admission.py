"""Who is admitted: nobody whose answer would come too late; who is refused is told for how long."""

import pytest

from service.batcher import Batcher, Bounds, Overloaded, whole_seconds
from tests.service.batching import Told, batching, held_at_work, job, submitted
from tests.service.engines.fakes import MAX_BATCH, Works


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
def told() -> Told:
    return Told()


def teach(batcher: Batcher, seconds: float) -> None:
    """Every batch takes so long, as far as the batcher knows."""
    for _ in range(300):
        for size in range(1, MAX_BATCH + 1):
            batcher.cost.learn(size, seconds)


def test_what_would_come_too_late_is_refused_with_the_time_that_it_lacks(works: Works, told: Told) -> None:
    with batching(works, told) as batcher:
        teach(batcher, 10.0)
        held_at_work(works, batcher, 1)
        batcher.submit(job(*range(2, 2 + MAX_BATCH)))
        with pytest.raises(Overloaded) as refused:
            batcher.submit(job(7, seconds=12))
        assert refused.value.retry_after == pytest.approx(30 - 12, abs=3), "three batches, one of which has begun"
        batcher.submit(job(8, seconds=60))


def test_the_same_is_asked_before_there_is_a_job(works: Works, told: Told) -> None:
    with batching(works, told) as batcher:
        teach(batcher, 10.0)
        held_at_work(works, batcher, 1)
        deadline = job(2, seconds=25).deadline
        batcher.admit(1, deadline)
        with pytest.raises(Overloaded):
            batcher.admit(1 + 2 * MAX_BATCH, deadline)


def test_what_is_being_decoded_will_wait_before_who_comes_now(works: Works, told: Told) -> None:
    with batching(works, told, bounds=Bounds(most_waiting=2 * MAX_BATCH)) as batcher:
        teach(batcher, 10.0)
        deadline = job(1, seconds=15).deadline
        batcher.admit(1, deadline, coming=MAX_BATCH - 1)
        with pytest.raises(Overloaded, match="after its deadline"):
            batcher.admit(1, deadline, coming=MAX_BATCH)
        with pytest.raises(Overloaded, match="Too much"):
            batcher.admit(1, deadline, coming=2 * MAX_BATCH)


def test_two_engines_are_predicted_to_be_sooner(works: Works, told: Told) -> None:
    with batching(works, told) as lone, batching(works, told, replicas=2) as both:
        for batcher in (lone, both):
            teach(batcher, 10.0)
        assert both.predicted_seconds(2 * MAX_BATCH) == pytest.approx(lone.predicted_seconds(2 * MAX_BATCH) / 2)


def test_more_windows_are_predicted_to_take_longer(works: Works, told: Told) -> None:
    with batching(works, told) as batcher:
        predicted = [batcher.predicted_seconds(windows) for windows in range(50)]
        assert predicted == sorted(predicted)
        assert predicted[1] > 0


def test_a_full_line_refuses_for_as_long_as_it_takes_to_empty_it(works: Works, told: Told) -> None:
    with batching(works, told, bounds=Bounds(most_waiting=MAX_BATCH)) as batcher:
        teach(batcher, 10.0)
        held_at_work(works, batcher, 1)
        batcher.submit(job(*range(1, 1 + MAX_BATCH)))
        with pytest.raises(Overloaded) as refused:
            batcher.submit(job(7))
        assert refused.value.retry_after == pytest.approx(10.0)


def test_a_wrong_prediction_is_put_right_by_a_free_engine(works: Works, told: Told) -> None:
    with batching(works, told) as batcher:
        teach(batcher, 1000.0)
        for value in range(1, 200):
            told.wait_for(*submitted(batcher, job(value, seconds=50)))
        assert batcher.predicted_seconds(1) < 1
        with pytest.raises(Overloaded):
            batcher.submit(job(*range(1, 1 + 3 * MAX_BATCH), seconds=50))


def test_a_refusal_names_whole_seconds_and_never_now() -> None:
    assert [whole_seconds(seconds) for seconds in (0.0, 0.2, 1.0, 1.01)] == [1, 1, 1, 2]
