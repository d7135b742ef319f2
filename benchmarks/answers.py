"""What became of the requests of one load: moments, statuses and codes as arrays, and the figures made of them."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

OK = "ok"
WRONG = "wrong"
"""An answer of 200 that names another sound than the engine does."""
LOST = "lost"
"""The connection ended without an answer."""
UNREACHABLE = "unreachable"
"""No connection could be had."""
SILENT = "silent"
"""No answer for as long as the client is patient."""
REFUSED = "overloaded"

Seconds = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Record(NamedTuple):
    """One request. Moments are seconds since the load began."""

    due: float
    """When it was to be sent: the client's own delays count, so a service that stalls cannot hide it."""
    sent: float
    ended: float
    status: int
    """0 without an answer."""
    code: str
    """Of the problem, or one of the words above."""


@dataclass(frozen=True)
class Answers:
    """The requests of one load, in the order in which they ended."""

    begun: float
    """When the load began, on `time.perf_counter`."""
    due: Seconds
    sent: Seconds
    ended: Seconds
    status: NDArray[np.int64]
    code: NDArray[np.str_]

    @classmethod
    def of(cls, records: list[Record], begun: float = 0.0) -> "Answers":
        """From one record a request."""
        columns = list(zip(*sorted(records, key=lambda record: record.ended), strict=True)) or [()] * len(
            Record._fields
        )
        due, sent, ended = (np.array(column, np.float64) for column in columns[:3])
        return cls(begun, due, sent, ended, np.array(columns[3], np.int64), np.array(columns[4], np.str_))

    def __len__(self) -> int:
        return self.due.size

    def where(self, mask: Mask) -> "Answers":
        """Some of them."""
        return Answers(
            self.begun, self.due[mask], self.sent[mask], self.ended[mask], self.status[mask], self.code[mask]
        )

    def due_between(self, start: float, stop: float) -> "Answers":
        """Those that were due in this stretch of the load."""
        return self.where((self.due >= start) & (self.due < stop))

    def coded(self, *codes: str) -> "Answers":
        """Those that ended in one of these ways."""
        return self.where(np.isin(self.code, codes))

    @property
    def latency_ms(self) -> Seconds:
        """From when a request was due until it ended."""
        return (self.ended - self.due) * 1000

    @property
    def answering_ms(self) -> Seconds:
        """From when it was really sent: without the delays of the client."""
        return (self.ended - self.sent) * 1000

    @property
    def client_lag_ms(self) -> Seconds:
        """By how much the client was late."""
        return (self.sent - self.due) * 1000

    @property
    def codes(self) -> dict[str, int]:
        """How often each way to end occurred."""
        return dict(sorted(Counter(self.code.tolist()).items()))

    def count(self, *codes: str) -> int:
        """How many ended in one of these ways."""
        return int(np.isin(self.code, codes).sum())

    def rate_between(self, start: float, stop: float) -> float:
        """How many ended per second, from the last one before the stretch to the last one in it.

        Answers come in batches, so a stretch that begins and ends anywhere would count up to one batch too many.
        """
        inside = self.ended[(self.ended >= start) & (self.ended < stop)]
        if not inside.size:
            return 0.0
        before = self.ended[self.ended < start]
        begin = float(before[-1]) if before.size else start
        return inside.size / (float(inside[-1]) - begin)


def percentile(values: Seconds, percent: float) -> float:
    """Not a number where there are no values."""
    return float(np.percentile(values, percent)) if values.size else float("nan")
