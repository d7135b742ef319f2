"""Whether a difference is one: equals are left alone, what differs is found, and a swap turns the verdict around."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.comparison.significance import (
    Finding,
    Verdict,
    apart,
    corrected,
    holm,
    paired,
    rounds_needed,
    sign_flip_p,
    verdict,
    welch_p,
)
from benchmarks.series import Better

NOISE = 0.03
Compared = Callable[[Sequence[float], Sequence[float]], Finding]

either = st.sampled_from([paired, apart])
which = st.sampled_from(["lower", "higher"])
values = st.floats(0.001, 1e6)
OPPOSITE = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}


def rounds(least: int = 3, most: int = 8) -> st.SearchStrategy[list[float]]:
    return st.lists(values, min_size=least, max_size=most)


@st.composite
def two_sides(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    number = draw(st.integers(3, 8))
    return draw(rounds(number, number)), draw(rounds(number, number))


@given(compare=either, better=which, one=rounds())
@settings(max_examples=40, deadline=None)
def test_equals_do_not_differ(compare: Compared, better: Better, one: list[float]) -> None:
    finding = compare(one, one)
    assert (finding.ratio, finding.p) == (1.0, 1.0)
    assert verdict(finding, better, NOISE) not in {Verdict.WORSE, Verdict.BETTER}


@given(compare=either, better=which, sides=two_sides())
@settings(max_examples=60, deadline=None)
def test_a_swap_mirrors_the_finding_and_the_verdict(
    compare: Compared, better: Better, sides: tuple[list[float], list[float]]
) -> None:
    forth, back = compare(*sides), compare(*sides[::-1])
    assert back.ratio == pytest.approx(1 / forth.ratio)
    assert (back.low, back.high) == pytest.approx((1 / forth.high, 1 / forth.low))
    assert back.p == forth.p
    there = verdict(forth, better, NOISE)
    assert verdict(back, better, NOISE) is OPPOSITE.get(there, there)


@given(
    compare=either, seed=st.integers(0, 10_000), number=st.integers(9, 14), middle=values, factor=st.floats(1.5, 20)
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_half_as_much_again_is_always_found(
    compare: Compared, seed: int, number: int, middle: float, factor: float
) -> None:
    random = np.random.default_rng(seed)
    before, after = (middle * random.uniform(0.99, 1.01, number) for _ in range(2))
    findings = corrected([compare(before.tolist(), (factor * after).tolist()), *[Finding(1, 1, 1, 1.0)] * 6])
    assert verdict(findings[0], "lower", NOISE) is Verdict.WORSE
    assert verdict(findings[0], "higher", NOISE) is Verdict.BETTER
    assert findings[0].low <= findings[0].ratio <= findings[0].high


@pytest.mark.parametrize("compare", [paired, apart])
def test_what_is_sure_but_smaller_than_noise_is_no_difference(compare: Compared) -> None:
    before = [100.0, 100.1, 99.9, 100.05, 99.95, 100.0, 100.1, 99.9, 100.0]
    finding = compare(before, [1.02 * value for value in before])
    assert finding.p < 0.01
    assert verdict(finding, "lower", NOISE) is Verdict.SAME
    assert verdict(finding, "lower", 0.01) is Verdict.WORSE


@pytest.mark.parametrize("compare", [paired, apart])
def test_what_varies_too_much_is_left_open(compare: Compared) -> None:
    finding = compare([1.0, 3.0, 2.0, 1.5, 2.5], [3.0, 1.1, 2.2, 2.4, 1.4])
    assert verdict(finding, "lower", NOISE) is Verdict.OPEN


@pytest.mark.parametrize("compare", [paired, apart])
@pytest.mark.parametrize("sides", [([], []), ([1.0], [2.0]), ([1.0, 1.0], [2.0, 2.0]), ([-1.0] * 9, [2.0] * 9)])
def test_of_too_little_nothing_is_told(compare: Compared, sides: tuple[list[float], list[float]]) -> None:
    finding = compare(*sides)
    assert math.isnan(finding.p)
    assert verdict(finding, "lower", NOISE) is Verdict.OPEN


@pytest.mark.parametrize("compare", [paired, apart])
def test_errors_out_of_nothing_are_worse_and_none_at_all_are_no_difference(compare: Compared) -> None:
    none, some = [0.0] * 9, [0.01, 0.02, 0.01, 0.03, 0.01, 0.02, 0.01, 0.02, 0.01]
    assert verdict(compare(none, some), "lower", NOISE) is Verdict.WORSE
    assert verdict(compare(some, none), "lower", NOISE) is Verdict.BETTER
    assert verdict(compare(none, none), "lower", NOISE) is Verdict.SAME


def test_one_disturbed_round_does_not_hide_a_slowdown() -> None:
    before, after = [10.0 + 0.01 * turn for turn in range(12)], [11.0 + 0.01 * turn for turn in range(12)]
    before[5] = 10.9  # it was A that was disturbed
    (finding, *_) = corrected([paired(before, after), *[Finding(1, 1, 1, 1.0)] * 6])
    assert verdict(finding, "lower", NOISE) is Verdict.WORSE


def test_rounds_in_turn_find_what_a_drift_of_the_machine_hides_from_rounds_apart() -> None:
    before = [10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 22.0, 24.0, 26.0]
    after = [1.06 * value for value in before]
    assert verdict(paired(before, after), "lower", NOISE) is Verdict.WORSE
    assert verdict(apart(before, after), "lower", NOISE) is Verdict.OPEN


def test_equals_are_called_worse_as_seldom_as_promised() -> None:
    random = np.random.default_rng(4)
    alarms = 0
    for _ in range(60):
        pairs = random.lognormal(0, 0.1, (7, 2, 10)).tolist()  # noise far beyond what is said to matter
        findings = corrected([paired(before, after) for before, after in pairs])
        alarms += any(verdict(finding, "lower", NOISE) is Verdict.WORSE for finding in findings)
    assert alarms <= 3


def test_chance_is_counted_over_all_patterns_of_signs() -> None:
    assert sign_flip_p(np.array([1.0, 2.0, 3.0])) == 2 / 8
    assert sign_flip_p(np.array([1.0, 2.0, -3.0])) == 1
    assert sign_flip_p(np.array([0.0, 0.0, 0.0])) == 1
    assert sign_flip_p(np.linspace(1, 2, 20)) < 0.001  # too many to be counted


@pytest.mark.parametrize(
    ("before", "after", "p"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 1.0),
        ([1.0, 2.0, 3.0], [1.0 + 2.7764451 * math.sqrt(2 / 3) + step for step in range(3)], 0.05),  # 4 degrees
        ([5.0, 5.0, 5.0], [5.0, 5.0, 5.0], 1.0),
        ([5.0, 5.0, 5.0], [6.0, 6.0, 6.0], 0.0),
    ],
)
def test_students_table_is_met(before: list[float], after: list[float], p: float) -> None:
    assert welch_p(before, after) == pytest.approx(p, abs=1e-5)


def test_holms_correction_is_that_of_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, math.nan, 0.6])[::2] == [1.0, 1.0]
    assert math.isnan(holm([math.nan])[0])
    assert holm([]) == []


def test_as_many_rounds_are_asked_for_as_a_difference_in_all_of_them_needs() -> None:
    for figures in (1, 7, 20):
        needed = rounds_needed(figures)
        enough, too_few = (paired([1.0] * number, [2.0] * number).p * figures for number in (needed, needed - 1))
        assert enough <= 0.05 < too_few
