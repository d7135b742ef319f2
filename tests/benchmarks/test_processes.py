"""What /proc says of processes whose cost is known."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.processes import (
    busy_seconds,
    cpu_seconds,
    cpus_of,
    has_loaded,
    memory,
    on_cpus,
    processes_of,
    rss_bytes,
    sampled,
    sessions_below,
)
from contract.errors import EarshotError

WORK_S = 0.3
WORKING = f"""
import os, time
def work():
    stop = time.process_time() + {WORK_S}
    while time.process_time() < stop: pass
work()
if os.fork() == 0:
    work(); os._exit(0)
os.wait()
done, tell = os.pipe()
if os.fork() == 0:
    work(); os.write(tell, b"!"); time.sleep(60)
os.read(done, 1)
"""
"""Itself, a child that is gone, and one that is there."""
HELD = 50_000_000


@contextmanager
def running(code: str) -> Iterator[int]:
    """A Python process in a session of its own, when it has said that it is there."""
    words = [sys.executable, "-c", code + "\nprint('there', flush=True); input()"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_cpu_time_is_that_of_the_process_and_of_its_children_alive_or_gone() -> None:
    with running(WORKING) as session:
        spent = cpu_seconds(session)
    assert 3 * WORK_S * 0.9 <= spent <= 3 * WORK_S + 0.5  # starting Python costs some too


def test_cores_are_busy_while_somebody_works_on_them() -> None:
    cpus = frozenset({min(os.sched_getaffinity(0))})
    before = busy_seconds(cpus)
    with on_cpus(cpus):
        stop = time.process_time() + WORK_S
        while time.process_time() < stop:
            pass
    assert busy_seconds(cpus) - before >= 0.9 * WORK_S


def test_memory_is_what_is_held() -> None:
    with running("") as small, running(f"held = bytes(range(250)) * {HELD // 250}") as large:
        assert memory(large).rss_bytes - memory(small).rss_bytes == pytest.approx(HELD, rel=0.1)
        assert memory(large).pss_bytes <= memory(large).rss_bytes
        assert rss_bytes(processes_of(large)) == pytest.approx(memory(large).rss_bytes, rel=0.1)


def test_a_process_that_is_gone_costs_nothing_more() -> None:
    with running("") as session:
        pids = processes_of(session)
        assert pids == [session]
    assert processes_of(session) == []
    assert memory(session).rss_bytes == rss_bytes(pids) == 0


def test_a_child_in_a_session_of_its_own_is_found() -> None:
    code = "import subprocess; child = subprocess.Popen(['sleep', '60'], start_new_session=True)"
    with running(code) as session:
        sessions = sessions_below(session)
        (child,) = sessions - {session}
        assert sorted(processes_of(*sessions)) == sorted([session, child])
        assert memory(*sessions).rss_bytes > memory(session).rss_bytes
        os.killpg(child, signal.SIGKILL)
        time.sleep(0.1)
        assert processes_of(child) == []  # dead, though nobody has waited for it


def test_libraries_are_seen_where_they_are_loaded() -> None:
    with running("import soundfile") as with_it, running("") as without:
        assert has_loaded(with_it, "libsndfile")
        assert not has_loaded(without, "libsndfile")


def test_a_process_stays_on_the_cores_where_it_was_started() -> None:
    core = max(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    with on_cpus(frozenset({core})), running("") as session:
        assert os.sched_getaffinity(session) == {core}
    assert os.sched_getaffinity(0) == before


def test_cores_are_named_by_numbers_and_ranges() -> None:
    here = os.sched_getaffinity(0)
    first = min(here)
    assert cpus_of(f"{first}") == cpus_of(f"{first}-{first}, {first}") == {first}


@pytest.mark.parametrize(
    ("words", "reason"), [("x", "names no CPU cores"), ("1-", "names no"), ("9999", "no CPU core 9999")]
)
def test_cores_that_are_not_here_are_refused(words: str, reason: str) -> None:
    with pytest.raises(EarshotError, match=reason):
        cpus_of(words)


def test_looks_are_taken_at_their_moments() -> None:
    with sampled(lambda: 7.0, 0.02, time.monotonic) as samples:
        time.sleep(0.3)
    assert 5 <= len(samples) <= 15
    assert {value for _, value in samples} == {7.0}
    assert [moment for moment, _ in samples] == sorted(moment for moment, _ in samples)
