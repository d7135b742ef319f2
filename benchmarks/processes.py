"""Processes and what they cost, as Linux tells it in /proc: CPU seconds, memory, libraries, on which cores they run.

A tree of processes is known by its sessions, so that a grandchild whose parent has gone still counts.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contract.errors import EarshotError

Cpus = frozenset[int]

PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STATE, _PARENT, _SESSION, _CPU_TIMES = 0, 1, 3, slice(11, 15)
"""Places in /proc/PID/stat after the name: the state; the parent; the session; time in user and system mode, its own
and its children's."""
_DEAD = "Z"
_BUSY = (0, 1, 2, 5, 6, 7)
"""Places in a line of /proc/stat: all but idle and waiting for disks; stolen time is of use to somebody else."""


@dataclass(frozen=True)
class Memory:
    """Of all processes of some sessions together."""

    rss_bytes: int
    pss_bytes: int
    """The same with what is shared counted in parts."""


def cpus_of(words: str) -> Cpus:
    """`0-2,5` is 0, 1, 2 and 5; an error where this process may not use one of them."""
    found: set[int] = set()
    for part in words.split(","):
        low, dash, high = part.strip().partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise EarshotError(f"{words!r} names no CPU cores: expected numbers as in 0-2,5")
        found.update(range(int(low), int(high or low) + 1))
    here = os.sched_getaffinity(0)
    if not found <= here:
        raise EarshotError(f"there is no CPU core {min(found - here)} here, only {', '.join(map(str, sorted(here)))}")
    return frozenset(found)


def all_cpus() -> str:
    """Those that this process may use, in the words of `cpus_of`."""
    return ",".join(map(str, sorted(os.sched_getaffinity(0))))


@contextmanager
def on_cpus(cpus: Cpus | None) -> Iterator[None]:
    """Run on these cores only; what is started meanwhile stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before if cpus is None else cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def sessions_below(root: int) -> set[int]:
    """Those that a process and its descendants live in, for some begin a session of their own."""
    stats = {pid: (int(fields[_PARENT]), int(fields[_SESSION])) for pid, fields in _stats()}
    family, size = {root}, 0
    while len(family) > size:
        size = len(family)
        family |= {pid for pid, (parent, _) in stats.items() if parent in family}
    return {stats[pid][1] for pid in family if pid in stats}


def processes_of(*sessions: int) -> list[int]:
    """All processes of these sessions, but those that are dead and wait for somebody to take notice."""
    return [pid for pid, fields in _stats() if int(fields[_SESSION]) in sessions and fields[_STATE] != _DEAD]


def cpu_seconds(*sessions: int) -> float:
    """CPU time of these sessions' processes, and of those that they have waited for."""
    return sum(
        sum(map(int, fields[_CPU_TIMES])) / _TICKS_PER_S
        for _, fields in _stats()
        if int(fields[_SESSION]) in sessions
    )


def busy_seconds(cpus: Cpus) -> float:
    """Time for which these cores have worked for anybody since the machine started."""
    names = {f"cpu{cpu}" for cpu in cpus}
    lines = [line.split() for line in (PROC / "stat").read_text().splitlines()]
    return sum(int(line[1 + place]) for line in lines if line[0] in names for place in _BUSY) / _TICKS_PER_S


def memory(*sessions: int) -> Memory:
    """What these sessions' processes hold."""
    sums = {"Rss": 0, "Pss": 0}
    for pid in processes_of(*sessions):
        for line in _read(PROC / str(pid) / "smaps_rollup").splitlines():
            name, _, rest = line.partition(":")
            if name in sums:
                sums[name] += int(rest.split()[0]) * 1024
    return Memory(sums["Rss"], sums["Pss"])


def rss_bytes(pids: list[int]) -> int:
    """The same in one look per process: cheap enough to be taken while something else is measured."""
    statms = (_read(PROC / str(pid) / "statm").split() for pid in pids)
    return sum(int(fields[1]) * _PAGE_BYTES for fields in statms if fields)


def has_loaded(session: int, library: str) -> bool:
    """Whether any of a session's processes has mapped a file whose path has this in it."""
    return any(library in _read(PROC / str(pid) / "maps") for pid in processes_of(session))


@contextmanager
def sampled(
    look: Callable[[], float], every_s: float, clock: Callable[[], float]
) -> Iterator[list[tuple[float, float]]]:
    """Look again and again, in a thread: a list of moments and values that grows meanwhile."""
    samples: list[tuple[float, float]] = []
    done = threading.Event()

    def keep_looking() -> None:
        while not done.wait(every_s):
            samples.append((clock(), look()))

    thread = threading.Thread(target=keep_looking, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def _stats() -> Iterator[tuple[int, list[str]]]:
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (text := _read(entry / "stat")):
            yield int(entry.name), text.rpartition(")")[2].split()


def _read(path: Path) -> str:
    """Nothing, where the process has gone."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
