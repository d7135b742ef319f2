"""All of `earshot bench load`, in turn, round by round: scenarios, rates from low to far too high, and the knee."""

from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

from benchmarks.rates.ladder import QUICK_SHARES, SHARES, Knee, Step, confirming_s, find_knee, offer
from benchmarks.rates.places import Place
from benchmarks.rates.scenarios import Scenarios, play
from benchmarks.report import Say
from contract.errors import EarshotError

OVERLOAD = 1.05
"""Times the capacity, from which a rate is too much beyond doubt."""

SLO_TIMES = 5
"""The bound, where none is given, is so many times what a lone request takes."""


@dataclass(frozen=True)
class Plan:
    """What is to be measured."""

    seconds: float = 2.0
    """Of each load."""
    rounds: int = 3
    shares: tuple[float, ...] = SHARES
    """Of the capacity."""
    rates: tuple[float, ...] = ()
    """Instead, where there are any."""
    slo_ms: float | None = None
    seed: int = 0

    @classmethod
    def made(
        cls, seconds: float | None, rounds: int | None, rates: str, slo_ms: float | None, seed: int, *, quick: bool
    ) -> "Plan":
        """As the command line says it."""
        usual = cls(1.0, 1, QUICK_SHARES) if quick else cls()
        return cls(seconds or usual.seconds, rounds or usual.rounds, usual.shares, _rates(rates), slo_ms, seed)


@dataclass(frozen=True)
class Round:
    """Everything once."""

    scenarios: Scenarios
    ladder: list[Step]
    urgent: list[Step]
    """Beyond the capacity once more, by requests that say by when they want their answer."""
    probes: list[Step]
    """On the way to the knee."""
    knee: Knee

    def as_json(self) -> dict[str, Any]:
        """Every figure, but not every latency."""
        steps = {name: [one.as_json() for one in getattr(self, name)] for name in ("ladder", "urgent", "probes")}
        return {"scenarios": asdict(self.scenarios), "knee": asdict(self.knee)} | steps


@dataclass(frozen=True)
class Found:
    """What all of it came to."""

    serves: str
    plan: Plan
    slo_ms: float
    capacity_per_s: float
    """By the first look; each round has its own beside it."""
    rounds: list[Round]


def measure(place: Place, plan: Plan, say: Say) -> Found:
    """The first scenarios decide which rates are offered, in all rounds alike."""
    first = play(place, plan.seconds)
    capacity, slo_ms = first.offline.per_s, plan.slo_ms or SLO_TIMES * first.single.p50_ms
    if not capacity:
        raise EarshotError("not one request was answered rightly, so there is nothing to measure")
    say(f"{capacity:.1f}/s are what it can do; an answer is in time within {slo_ms:.1f} ms")
    rounds = []
    for number in range(1, plan.rounds + 1):
        scenarios = first if number == 1 else play(place, plan.seconds)
        rounds.append(_Turn(place, plan, capacity, slo_ms, say, number).one(scenarios))
    return Found(place.serves, plan, slo_ms, capacity, rounds)


class _Turn:
    """One round, and what stays the same in it."""

    def __init__(self, place: Place, plan: Plan, capacity: float, slo_ms: float, say: Say, number: int) -> None:
        self._place, self._plan, self._capacity, self._slo_ms, self._say = place, plan, capacity, slo_ms, say
        self._prefix = f"round {number} of {plan.rounds}: "
        self._seeds = count(plan.seed + number * 1000)

    def one(self, scenarios: Scenarios) -> Round:
        """From low rates to high, then to and fro between those that hold and those that do not."""
        rates = sorted(set(self._plan.rates or (round(share * self._capacity, 1) for share in self._plan.shares)))
        ladder = [self._step(rate) for rate in rates]
        urgent = [self._step(rate, urgent=True) for rate in rates if rate > OVERLOAD * self._capacity]
        probes: list[Step] = []

        def holds(rate: float, seconds: float | None = None) -> bool:
            probes.append(self._step(rate, seconds))
            return probes[-1].holds

        def confirms(rate: float) -> bool:
            return holds(rate, confirming_s(rate, self._plan.seconds))

        knee = find_knee([(one.offered_per_s, one.holds) for one in ladder], holds, confirms)
        self._say(f"{self._prefix}the knee is at {knee.per_s:.1f}/s{'' if knee.is_confirmed else ', unconfirmed'}")
        return Round(scenarios, ladder, urgent, probes, knee)

    def _step(self, rate: float, seconds: float | None = None, *, urgent: bool = False) -> Step:
        lasts_s = seconds or self._plan.seconds
        step = offer(self._place, rate, lasts_s, self._slo_ms, next(self._seeds), urgent=urgent)
        how = " in a hurry" if urgent else ""
        self._say(
            f"{self._prefix}{rate:.1f}/s offered{how}: {step.answered_per_s:.1f}/s answered, "
            f"{step.in_time:.1%} in time, p50 {step.p50_ms:.1f} ms, p99 {step.p99_ms:.1f} ms, {step.errors} errors"
        )
        return step


def _rates(words: str) -> tuple[float, ...]:
    try:
        rates = tuple(float(word) for word in words.split(",") if word.strip())
    except ValueError:
        rates = (0.0,)
    if any(not 0 < rate < float("inf") for rate in rates):
        raise EarshotError(f"{words!r} are no rates: expected requests per second as in 50,100,200")
    return rates
