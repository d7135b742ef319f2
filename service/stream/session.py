"""Cuts live sound into windows, one with every hop. Knows no socket, no engine and no clock.

The same bytes give the same hops, however they are cut into messages. Memory is one window, whatever was heard.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from service.engines.base import Samples
from service.stream.messages import Opening
from service.stream.pcm import Intake
from service.windows import SHORTEST_TAIL_S


class Hop(NamedTuple):
    """The window that ends with a hop. Positions are in samples at the model's rate."""

    number: int
    """1 is the first."""
    start: int
    end: int
    window: Samples
    """A copy; shorter than the model's window at the beginning, where the engine pads it with silence."""


class Session:
    """One stream's sound."""

    def __init__(self, opening: Opening, sample_rate: int, window_samples: int) -> None:
        self._intake = Intake(opening, sample_rate)
        self._ring = _Ring(window_samples)
        self._shortest_tail = SHORTEST_TAIL_S * sample_rate
        self._hops = 0
        self._last_end = 0
        self.hop_samples = max(1, round(opening.hop_s * sample_rate))
        self.bytes_per_second = self._intake.bytes_per_second

    @property
    def heard(self) -> int:
        """Samples so far, at the model's rate."""
        return self._ring.total

    def feed(self, data: bytes) -> Iterator[Hop]:
        """The hops that these bytes complete; to be exhausted. An AudioError where they are no sound."""
        return self._cut(self._intake.hear(data))

    def end(self) -> Iterator[Hop]:
        """The last ones. A rest of a hop that is too short to be named is heard only if there was nothing else."""
        yield from self._cut(self._intake.end())
        rest = self._ring.total - self._last_end
        if rest >= self._shortest_tail or (rest and not self._hops):
            yield self._hop()

    def _cut(self, samples: Samples) -> Iterator[Hop]:
        while samples.size:
            missing = (self._hops + 1) * self.hop_samples - self._ring.total
            self._ring.add(samples[:missing])
            if samples.size >= missing:
                yield self._hop()
            samples = samples[missing:]

    def _hop(self) -> Hop:
        self._hops += 1
        self._last_end = self._ring.total
        window = self._ring.last()
        return Hop(self._hops, self._ring.total - window.size, self._ring.total, window)


class _Ring:
    """The newest samples."""

    def __init__(self, size: int) -> None:
        self._samples = np.zeros(size, np.float32)
        self.total = 0

    def add(self, samples: Samples) -> None:
        """In place of the oldest."""
        size = self._samples.size
        self.total += samples.size
        kept = samples[-size:]
        at = (self.total - kept.size) % size
        first = min(size - at, kept.size)
        self._samples[at : at + first] = kept[:first]
        self._samples[: kept.size - first] = kept[first:]

    def last(self) -> Samples:
        """All that it holds, the oldest first."""
        if self.total <= self._samples.size:
            return self._samples[: self.total].copy()
        at = self.total % self._samples.size
        return np.concatenate((self._samples[at:], self._samples[:at]))
