"""What is to be measured, as the command line says it, with what it leaves open filled in."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.latency.engines import Engine, chosen
from benchmarks.processes import Cpus, cpus_of
from contract.bundle import Bundle, find_bundle, open_bundle
from contract.errors import EarshotError

BATCHES = (1, 2, 4, 8, 16, 32, 64)
_LARGEST_BATCH = 1024
_COMPILED_UP_TO = 8


@dataclass(frozen=True)
class Pace:
    """How long it takes."""

    rounds: int
    seconds: float
    """Of every engine at every batch size, in every round."""
    batches: tuple[int, ...]
    compiles: bool
    """Whether engines that compile are worth the wait where nobody has named them."""
    within_s: float = math.inf
    """No round is begun that would end later than this, once there are the `FEWEST_ROUNDS`; these are hurried."""
    slowest_run_s: float = math.inf
    """Where one run takes longer, this batch and larger ones are left out, unless it is the smallest."""


FEWEST_ROUNDS = 3
USUAL = Pace(7, 0.2, BATCHES, compiles=True, within_s=210.0, slowest_run_s=1.0)
QUICK = Pace(3, 0.05, (1, 8), compiles=False)


@dataclass(frozen=True)
class Order:
    """All of it."""

    bundle: Bundle
    engines: tuple[Engine, ...]
    are_named: bool
    """Whether the engines were asked for by name."""
    are_sized: bool
    """Whether the batches were."""
    pace: Pace
    threads: int
    cpus: Cpus
    data: Path | None = None
    cache: Path | None = None

    def batches_of(self, engine: Engine) -> tuple[int, ...]:
        """Every size, but for an engine that compiles: unless it and they were named, the smallest and one more."""
        batches = self.pace.batches
        if not engine.is_compiled or (self.are_named and self.are_sized):
            return batches
        return tuple(sorted({batches[0], *[size for size in batches if size <= _COMPILED_UP_TO][-1:]}))

    def left_out(self, engine: Engine) -> str:
        """Why this engine is not even tried."""
        if engine.is_compiled and not (self.pace.compiles or self.are_named):
            return f"it compiles for a minute, which --quick saves; --engine {engine.name} asks for it"
        return ""


def order_of(
    bundle: str,
    engines: Sequence[str] | None,
    batches: str | None,
    rounds: int | None,
    seconds: float | None,
    threads: int,
    cpus: str | None,
    data: Path | None,
    cache: Path | None,
    *,
    quick: bool,
) -> Order:
    """What is left open is as usual, or quick."""
    usual = QUICK if quick else USUAL
    sizes = usual.batches if batches is None else batches_in(batches)
    within_s = usual.within_s if rounds is None else math.inf
    slowest_run_s = usual.slowest_run_s if rounds is None and batches is None else math.inf
    pace = Pace(rounds or usual.rounds, seconds or usual.seconds, sizes, usual.compiles, within_s, slowest_run_s)
    wanted, cores, are_sized = chosen(engines), cores_for(threads, cpus), batches is not None
    return Order(
        open_bundle(find_bundle(bundle)), wanted, bool(engines), are_sized, pace, threads, cores, data, cache
    )


def batches_in(words: str) -> tuple[int, ...]:
    """`1,8,32` in order, each once."""
    parts = [part.strip() for part in words.split(",")]
    if not all(part.isdecimal() and 1 <= int(part) <= _LARGEST_BATCH for part in parts):
        raise EarshotError(f"--batches {words}: expected numbers from 1 to {_LARGEST_BATCH} as in 1,8,32")
    return tuple(sorted(set(map(int, parts))))


def cores_for(threads: int, words: str | None) -> Cpus:
    """Those that are named, or as many as there are threads: the last ones, for the first serve everybody."""
    if words is not None:
        cpus = cpus_of(words)
        if len(cpus) < threads:
            raise EarshotError(f"--threads {threads} want as many cores, --cpus {words} names {len(cpus)}")
        return cpus
    here: Sequence[int] = sorted(os.sched_getaffinity(0))
    if threads > len(here):
        raise EarshotError(f"--threads {threads}: there are only {len(here)} cores here")
    return frozenset(here[-threads:])
