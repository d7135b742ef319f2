"""Which of the candidates is the best for a goal, and which are not worth another round."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, median

from service.profiles import Goal, GoalName, Tuning

WORSE = 0.2
"""By so much behind the best after the first round, a candidate is not measured again."""
LEAST_KEPT, MOST_KEPT = 3, 4
"""Candidates that are, beside the default: one round may have been a bad one for a good candidate."""
EQUAL = 0.05
"""Less than this is no difference: between such, the default is kept, or else what is better beside the goal."""
PATIENCE = 5.0
"""Lone requests' times that 99 % of the answers may take, where nobody says how long."""


@dataclass(frozen=True)
class Point:
    """What one load on one candidate came to."""

    connections: int
    per_s: float
    """Right answers."""
    p50_ms: float
    p99_ms: float
    errors: int
    """Requests without a right answer."""
    foreign_cores: float
    """That others used of the machine meanwhile: what makes figures worse than they are."""


@dataclass(eq=False)
class Measured:
    """A candidate, and what it did in each round; the first load is always a single connection."""

    tuning: Tuning
    rounds: list[list[Point]] = field(default_factory=list)

    @property
    def points(self) -> list[Point]:
        """Medians over the rounds, one for each number of connections; errors are added up."""
        return [
            Point(
                same[0].connections,
                median(point.per_s for point in same),
                median(point.p50_ms for point in same),
                median(point.p99_ms for point in same),
                sum(point.errors for point in same),
                median(point.foreign_cores for point in same),
            )
            for same in zip(*self.rounds, strict=True)
        ]

    @property
    def lone_ms(self) -> float:
        """Median of a request that has the service for itself."""
        return self.points[0].p50_ms

    def best(self, p99_ms: float | None = None) -> Point | None:
        """Where the most was answered, without errors and within this bound; None where it was never kept."""
        fine = [point for point in self.points if point.errors == 0 and point.per_s > 0]
        if p99_ms is not None:
            fine = [point for point in fine if point.p99_ms <= p99_ms]
        return max(fine, key=lambda point: point.per_s, default=None)


@dataclass(frozen=True)
class Tuned:
    """All candidates, and which of them it is."""

    goal: Goal
    measured: list[Measured]
    """The default first."""
    left: list[Measured]
    """Those that were measured in every round."""
    chosen: Measured | None
    on_gpu: bool

    @property
    def default(self) -> Measured:
        """What the service does if left alone."""
        return self.measured[0]

    @property
    def foreign_cores(self) -> float:
        """That others used meanwhile: the mean of all loads."""
        return mean(point.foreign_cores for one in self.measured for points in one.rounds for point in points)


def goal_of(name: GoalName, p99_ms: float | None, default: Measured) -> Goal:
    """With a bound for throughput: what was asked for, or several times what the default takes for a lone request."""
    if name == "latency":
        return Goal(name=name)
    return Goal(name=name, p99_ms=p99_ms or PATIENCE * default.lone_ms)


def merit(one: Measured, goal: Goal) -> float:
    """More is better; 0 for what does not reach the goal at all."""
    if goal.name == "throughput":
        best = one.best(goal.p99_ms)
        return best.per_s if best else 0.0
    lone = one.points[0]
    return 1000 / lone.p50_ms if lone.errors == 0 and lone.p50_ms > 0 else 0.0


def worth_another_round(found: Sequence[Measured], goal: Goal) -> list[Measured]:
    """The default, which stands first, and the best of the others: all that are not clearly worse, within bounds."""
    default, *others = found
    enough = (1 - WORSE) * max(merit(one, goal) for one in found)
    ranked = sorted(others, key=lambda one: merit(one, goal), reverse=True)
    count = sum(merit(one, goal) >= enough for one in others)
    kept = ranked[: max(LEAST_KEPT, min(count, MOST_KEPT))]
    return [default, *(one for one in others if one in kept)]


def chosen(found: Sequence[Measured], goal: Goal) -> Measured | None:
    """The best of those that were measured to the end; None where not one reaches the goal."""
    default, most = found[0], max(merit(one, goal) for one in found)
    if most <= 0:
        return None
    equals = [one for one in found if merit(one, goal) >= (1 - EQUAL) * most]
    return default if default in equals else max(equals, key=lambda one: _beside(one, goal))


def _beside(one: Measured, goal: Goal) -> float:
    """What counts where the goal does not decide."""
    if goal.name == "throughput":
        return -one.lone_ms
    best = one.best()
    return best.per_s if best else 0.0
