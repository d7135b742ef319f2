"""Which candidate is chosen, by figures that are known."""

import math

import pytest

from benchmarks.tuning.choice import MOST_KEPT, Measured, chosen, goal_of, merit, worth_another_round
from service.profiles import Goal
from tests.benchmarks.tuned import measured

LATENCY = Goal(name="latency")
WITHIN_20 = Goal(name="throughput", p99_ms=20.0)
DEFAULT = measured(5.0, 150, 200, 220)


def test_latency_is_the_lone_median_whatever_is_answered_under_load() -> None:
    quick = measured(4.0, 200, 100, 90)
    assert chosen([DEFAULT, quick, measured(4.5, 900, 900, 900)], LATENCY) is quick


def test_throughput_counts_only_where_99_percent_keep_the_bound() -> None:
    late = measured(5.0, 150, 210, 900)
    steady = measured(5.0, 150, 230, 240)
    assert chosen([DEFAULT, late, steady], WITHIN_20) is steady
    assert chosen([DEFAULT, late, steady], Goal(name="throughput", p99_ms=40.0)) is late
    assert merit(steady, WITHIN_20) == 230


def test_a_candidate_that_answers_wrongly_is_not_chosen_for_that_load() -> None:
    wrong = measured(5.0, 150, 900, 900, errors=1)
    assert merit(wrong, WITHIN_20) == 150
    assert chosen([DEFAULT, wrong], WITHIN_20) is DEFAULT


def test_what_differs_by_noise_leaves_the_default_in_place() -> None:
    assert chosen([DEFAULT, measured(4.9, 150, 205, 220)], LATENCY) is DEFAULT
    assert chosen([DEFAULT, measured(4.0, 150, 205, 220)], WITHIN_20) is DEFAULT


def test_between_equals_that_are_no_default_the_other_figure_decides() -> None:
    one, other = measured(4.0, 150, 200, 220), measured(4.05, 150, 300, 320)
    assert chosen([DEFAULT, one, other], LATENCY) is other
    slow, quick = measured(6.0, 150, 300, 310), measured(5.0, 150, 298, 310)
    assert chosen([DEFAULT, slow, quick], WITHIN_20) is quick


def test_nothing_is_chosen_where_nothing_reaches_the_goal() -> None:
    assert chosen([DEFAULT, measured(4.0, 150, 200, 220)], Goal(name="throughput", p99_ms=1.0)) is None


def test_the_clearly_worse_are_left_out_and_the_default_never_is() -> None:
    best, *close, worse = (measured(lone, 1, 1, 1) for lone in (2.0, 2.1, 2.2, 2.4, 2.6))
    assert worth_another_round([DEFAULT, worse, *close, best], LATENCY) == [DEFAULT, *close, best]


def test_three_at_least_get_another_chance() -> None:
    best, *worse = (measured(lone, 1, 1, 1) for lone in (1.0, 4.0, 3.0, 2.0))
    assert worth_another_round([DEFAULT, *worse, best], LATENCY) == [DEFAULT, *worse[1:], best]


def test_where_all_are_alike_only_some_are_measured_again() -> None:
    many = [measured(4.0 + i / 100, 1, 1, 1) for i in range(20)]
    assert worth_another_round([DEFAULT, *reversed(many)], LATENCY) == [DEFAULT, *reversed(many[:MOST_KEPT])]


def test_where_nothing_reaches_the_goal_yet_some_get_another_chance() -> None:
    others = [measured(4.0, 1, 1, 1) for _ in range(20)]
    kept = worth_another_round([DEFAULT, *others], Goal(name="throughput", p99_ms=1.0))
    assert kept[0] is DEFAULT
    assert len(kept) == 1 + MOST_KEPT


def test_figures_are_medians_over_the_rounds_and_errors_are_added_up() -> None:
    rounds = [measured(lone, 100, rate, 50, errors=2).rounds[0] for lone, rate in ((9.0, 1), (4.0, 2), (5.0, 30))]
    one = Measured(DEFAULT.tuning, rounds)
    assert one.lone_ms == 5.0
    assert (one.points[1].per_s, one.points[1].errors) == (2, 6)


def test_the_bound_is_five_lone_requests_by_the_defaults_unless_it_is_given() -> None:
    assert goal_of("throughput", None, DEFAULT).p99_ms == 25.0
    assert goal_of("throughput", 7.0, DEFAULT).p99_ms == 7.0
    assert goal_of("latency", None, DEFAULT) == LATENCY


@pytest.mark.parametrize("goal", [LATENCY, WITHIN_20])
def test_what_was_not_answered_at_all_has_no_merit(goal: Goal) -> None:
    nothing = measured(math.nan, 0, 0, 0, p99_ms=(math.nan, math.nan, math.nan))
    assert merit(nothing, goal) == 0
    assert chosen([DEFAULT, nothing], goal) is DEFAULT
