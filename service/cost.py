"""How long batches take, learned from those that ran: what a wait is predicted from."""

import math

WEIGHT = 0.1
"""Of the newest measurement: the last ten or twenty batches count, so one hiccup does not."""


class Cost:
    """Seconds that an engine takes for a batch, by its size."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}

    def learn(self, size: int, seconds: float) -> None:
        """A batch of this size took so long."""
        before = self._seconds.get(size)
        self._seconds[size] = seconds if before is None else before + WEIGHT * (seconds - before)

    def of(self, size: int) -> float:
        """Seconds for a batch of this size: as measured, or in proportion to the nearest size that was."""
        if not self._seconds:
            return 0.0
        known = self._seconds.get(size)
        if known is not None:
            return known
        nearest = min(self._seconds, key=lambda other: abs(math.log(other / size)))
        return self._seconds[nearest] * max(1.0, size / nearest)

    def of_line(self, windows: int, most: int, engines: int) -> float:
        """Seconds until so many windows have gone through so many engines, `most` at a time."""
        share = math.ceil(windows / engines)
        full, rest = divmod(share, most)
        return full * self.of(most) + (self.of(rest) if rest else 0.0)
