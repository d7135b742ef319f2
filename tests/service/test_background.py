"""Work in the background: told of its end like any other, and left where it is when nobody waits any more."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from service.background import in_background
from tests.service.conftest import ROOT


def test_its_result_is_given() -> None:
    thread = asyncio.run(in_background(threading.current_thread))
    assert thread is not threading.main_thread()


def test_its_error_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_background(lambda: 1 // 0))


def test_the_loop_goes_on_meanwhile() -> None:
    async def story() -> int:
        working = asyncio.create_task(in_background(lambda: time.sleep(0.1)))
        turns = 0
        while not working.done():
            await asyncio.sleep(0.001)
            turns += 1
        return turns

    assert asyncio.run(story()) > 5


def test_the_end_of_the_loop_does_not_wait_for_it() -> None:
    go_on = threading.Event()

    async def story() -> None:
        working = asyncio.create_task(in_background(lambda: go_on.wait(30)))
        await asyncio.sleep(0.01)
        working.cancel()

    start = time.monotonic()
    asyncio.run(story())
    assert time.monotonic() - start < 5
    left = [thread for thread in threading.enumerate() if thread.name == "background"]
    assert left
    go_on.set()
    for thread in left:
        thread.join()


def test_whoever_has_stopped_waiting_is_not_told() -> None:
    go_on = threading.Event()

    async def story() -> None:
        working = asyncio.create_task(in_background(lambda: go_on.wait(30)))
        await asyncio.sleep(0.01)
        working.cancel()
        go_on.set()
        await asyncio.sleep(0.05)

    asyncio.run(story())


ENDING = """
import threading, time
from service.background import end_with_what_is_left
threading.Thread(target=time.sleep, args=({seconds},), daemon={daemon}).start()
end_with_what_is_left()
print("went on")
"""


@pytest.mark.parametrize(("seconds", "daemon", "told"), [(60, True, b""), (0.01, False, b"went on\n")])
def test_the_process_ends_where_it_is_only_if_threads_are_left(seconds: float, daemon: bool, told: bytes) -> None:
    code = ENDING.format(seconds=seconds, daemon=daemon)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, told, b"")
