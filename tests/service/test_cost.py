"""What batches cost: learned from those that ran, never less for more windows, and shaken by no hiccup."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cost import MOST_TIMES, WEIGHT, Cost

SIZES = st.integers(1, 64)
SECONDS = st.floats(1e-6, 1e3)
RUNS = st.lists(st.tuples(SIZES, SECONDS), max_size=40)
ROUNDING = 1 + 1e-9


def learned(*runs: tuple[int, float]) -> Cost:
    cost = Cost()
    for size, seconds in runs:
        cost.learn(size, seconds)
    return cost


def test_nothing_is_known_before_a_batch_ran() -> None:
    assert Cost().of(8) == Cost().of_line(100, 8, 2) == 0.0


def test_a_size_that_ran_costs_what_it_took() -> None:
    assert learned((1, 0.01), (8, 0.05)).of(8) == 0.05


def test_a_size_between_two_that_ran_costs_something_between() -> None:
    assert learned((2, 0.1), (6, 0.3)).of(4) == pytest.approx(0.2)


def test_a_larger_size_than_any_that_ran_costs_in_proportion() -> None:
    assert learned((4, 0.1)).of(8) == pytest.approx(0.2)


def test_a_smaller_size_than_any_that_ran_costs_no_more() -> None:
    assert learned((4, 0.1)).of(1) == pytest.approx(0.1)


def test_a_line_costs_its_full_batches_and_the_rest() -> None:
    assert learned((1, 0.01), (4, 0.04)).of_line(9, 4, 1) == pytest.approx(0.09)


def test_two_engines_take_half_of_a_line_each() -> None:
    cost = learned((1, 0.01), (4, 0.04))
    assert cost.of_line(9, 4, 2) == pytest.approx(cost.of_line(5, 4, 1))


@given(runs=RUNS, size=SIZES)
def test_no_batch_costs_less_than_a_smaller_one(runs: list[tuple[int, float]], size: int) -> None:
    cost = learned(*runs)
    assert 0 <= cost.of(size) <= cost.of(size + 1) * ROUNDING


@given(runs=RUNS, windows=st.integers(0, 500), most=st.integers(1, 32), engines=st.integers(1, 8))
def test_no_line_costs_less_than_a_shorter_one(
    runs: list[tuple[int, float]], windows: int, most: int, engines: int
) -> None:
    cost = learned(*runs)
    assert 0 <= cost.of_line(windows, most, engines) <= cost.of_line(windows + 1, most, engines) * ROUNDING
    assert cost.of_line(windows, most, engines + 1) <= cost.of_line(windows, most, engines) * ROUNDING


@given(runs=RUNS, size=SIZES, seconds=SECONDS)
def test_what_takes_longer_or_shorter_from_now_on_is_learned(
    runs: list[tuple[int, float]], size: int, seconds: float
) -> None:
    cost = learned(*runs, *[(size, seconds)] * 300)
    assert cost.of(size) == pytest.approx(seconds, rel=0.01)


def test_a_minute_in_which_the_machine_slept_does_not_count_as_one() -> None:
    cost = learned((8, 0.05), (8, 60.0))
    assert cost.of(8) == pytest.approx(0.05 * (1 + WEIGHT * (MOST_TIMES - 1)))


def test_one_thread_may_ask_while_others_teach() -> None:
    cost = Cost()

    def teach(first: int) -> None:
        for size in range(first, 400, 4):
            cost.learn(size, size / 1000)

    with ThreadPoolExecutor(4) as pool:
        taught = [pool.submit(teach, first) for first in range(1, 5)]
        while not all(one.done() for one in taught):
            assert cost.of_line(10_001, 300, 1) >= 0
    assert [one.result() for one in taught] == [None] * 4
    assert cost.of(399) == pytest.approx(0.399)
