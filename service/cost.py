"""How long batches take, learned from those that ran: what a wait is predicted from."""

import math
from threading import Lock

WEIGHT = 0.1
"""Of the newest measurement: the last ten or twenty batches count, so one hiccup does not."""

MOST_TIMES = 10.0
"""What takes longer than usual by more than this, such as a machine that was asleep, says no more than this."""


class Cost:
    """Seconds that an engine takes for a batch, by its size; any thread may teach it, and any may ask."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}  # by rising size; never changed but replaced, so readers need no lock
        self._learning = Lock()

    def learn(self, size: int, seconds: float) -> None:
        """A batch of this size took so long.

        So no larger one takes less and no smaller one more: where others were measured in other times, the newest
        is believed.
        """
        with self._learning:
            if before := self._seconds.get(size):
                seconds = before + WEIGHT * (min(seconds, MOST_TIMES * before) - before)
            learned = {
                other: max(known, seconds) if other > size else min(known, seconds)
                for other, known in self._seconds.items()
            }
            self._seconds = dict(sorted((learned | {size: seconds}).items()))

    def of(self, size: int) -> float:
        """Seconds for a batch of this size: as measured, between its neighbours, or in proportion to the largest."""
        known = self._seconds
        if size in known:
            return known[size]
        smaller = max((other for other in known if other < size), default=None)
        larger = min((other for other in known if other > size), default=None)
        if smaller is None:
            return 0.0 if larger is None else known[larger]
        if larger is None:
            return known[smaller] * size / smaller
        way = (size - smaller) / (larger - smaller)
        return known[smaller] + way * (known[larger] - known[smaller])

    def of_line(self, windows: int, most: int, engines: int) -> float:
        """Seconds until so many windows have gone through so many engines, `most` at a time."""
        share = math.ceil(windows / engines)
        full, rest = divmod(share, most)
        return full * self.of(most) + (self.of(rest) if rest else 0.0)
