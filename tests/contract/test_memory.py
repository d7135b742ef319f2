"""Memory that is kept is not faulted in again."""

import subprocess
import sys

import pytest

PAGES = 2**23 // 4096  # of the block that comes and goes
COUNT_FAULTS = """
import resource, sys
from contract.memory import keep_memory
keep_memory(*map(int, sys.argv[1:]))
bytearray(2**23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    bytearray(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*limits: int) -> int:
    """Of ten blocks of 8 MB, one after the other, in a process of their own."""
    command = [sys.executable, "-c", COUNT_FAULTS, *map(str, limits)]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="what is kept is a matter of glibc")
def test_what_is_kept_is_not_faulted_in_again() -> None:
    assert faults() < PAGES / 10
    assert faults(2**30) < PAGES / 10


@pytest.mark.skipif(sys.platform != "linux", reason="what is kept is a matter of glibc")
def test_large_blocks_go_back_at_once() -> None:
    assert faults(2**30, 2**22) > PAGES * 5
    assert faults(2**30, 2**24) < PAGES / 10
