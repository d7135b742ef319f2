"""Loads that are not the same all the time: how many users there are as time goes by.

users
step   ▁▂▃▄▅    in equal stairs up to all: where does it begin to hurt?
spike  ▁▁█▁▁    few, then all at once, then few again: does it recover?
soak   ▂▇▇▇▂    slowly up, long the same, slowly down: does anything grow?
"""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """One of them, in its size."""

    name: str
    most: int
    """Users, at the most."""
    seconds: float
    """Altogether."""
    stairs: int = 5
    """Of a step load."""
    burst: float = 4.0
    """Of a spike load: how many times as many as before."""

    def users_at(self, second: float) -> int | None:
        """None where it is over."""
        if second >= self.seconds:
            return None
        share = SHAPES[self.name](self, second / self.seconds)
        return max(1, round(self.most * share))


def _step(shape: Shape, done: float) -> float:
    return (math.floor(done * shape.stairs) + 1) / shape.stairs


def _spike(shape: Shape, done: float) -> float:
    return 1.0 if 0.4 <= done < 0.6 else 1 / shape.burst


def _soak(_: Shape, done: float) -> float:
    return min(1.0, 10 * done, 10 * (1 - done))


SHAPES: dict[str, Callable[[Shape, float], float]] = {"step": _step, "spike": _spike, "soak": _soak}
"""Share of all users, when such a share of the time is over."""

USUAL_S = {"step": 60.0, "spike": 60.0, "soak": 600.0}
"""Where nobody says how long."""
