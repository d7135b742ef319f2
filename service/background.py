"""Long work beside the event loop that does not hold up the end of the process: to build an engine may take minutes.

The loop's own threads are waited for when it closes, whatever they are at; these are not.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from threading import enumerate as enumerate_threads
from typing import TypeVar

Result = TypeVar("Result")


async def in_background(work: Callable[[], Result]) -> Result:
    """What this gives, or raises, on a thread of its own."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def tell(act: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed, so nobody waits any more
            loop.call_soon_threadsafe(lambda: None if outcome.done() else act())

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  (told to whoever waits)
            broken = error
            tell(lambda: outcome.set_exception(broken))
        else:
            tell(lambda: outcome.set_result(result))

    Thread(target=run, name="background", daemon=True).start()
    return await outcome


def end_with_what_is_left() -> None:
    """End the process here and now if threads are left that nothing can stop.

    They may be inside of a library, which takes the teardown of Python under it for a crash.
    """
    if any(thread.daemon for thread in enumerate_threads()):
        logging.shutdown()
        os._exit(0)
