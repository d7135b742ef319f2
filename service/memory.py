"""Keeps memory ready from one sound to the next, and the garbage collector away from what lives for ever.

A clip's bytes and samples are large enough that glibc hands them back to the system each time: 0.4 ms of a request's
0.9 where eight were in flight. And Python's collector looks at all modules again and again, tens of milliseconds each
time, in which nothing is answered.
"""

import gc

from contract.memory import keep_memory

KEPT_BYTES = 32 * 2**20
"""Free memory that stays with the process: what a few dozen clips take at a time."""

LARGE_BYTES = 4 * 2**20
"""Blocks from here on, such as minutes of sound, go back to the system at once."""


def keep_memory_of_clips() -> None:
    """What a clip took stays ready for the next one."""
    keep_memory(KEPT_BYTES, LARGE_BYTES)


def settle_garbage() -> None:
    """Once all is loaded: what is there now stays, and is not looked at again until the next model is loaded."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
