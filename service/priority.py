"""Who runs first where cores are scarce: the thread that talks to clients, before those that compute."""

import os
import threading
from contextlib import suppress

LESS = 5
"""Steps of niceness, about a third of the weight: whoever is refused under overload is told so at once, and what is
left of the core computes. Nothing is lost by it, as the talking thread sleeps when it has said all."""


def compute_later() -> None:
    """Of this thread. Where the system knows no niceness of threads, nothing happens."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LESS)
