"""A service as users run it: a process of its own, behind a real socket."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import httpx2

from service.settings import OF_OTHER_COMMANDS, PREFIX

ROOT = Path(__file__).parents[2]
WAV = {"content-type": "audio/wav"}
LISTENING = re.compile(r"listening on (http://[^\"\s]+)")
START_S = 60.0


def environment() -> dict[str, str]:
    """That of the tests, without settings of the service; the cache is the tests' own."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(PREFIX) or name in OF_OTHER_COMMANDS
    }


class Process:
    """A service that runs."""

    def __init__(self, *flags: str, env: dict[str, str] | None = None) -> None:
        words = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", "0", *flags]
        self.process = subprocess.Popen(
            words,
            cwd=ROOT,
            env=environment() | (env or {}),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self._wait_for_url()
        self.client = httpx2.Client(base_url=self.url, timeout=30)

    @property
    def log(self) -> str:
        """All that was written so far."""
        return "".join(self.lines)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def wait_until_ready(self, seconds: float = START_S) -> None:
        """The model is loaded and warm."""
        stop = time.monotonic() + seconds
        while self.client.get("/readyz").status_code != 200:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < stop, self.log
            time.sleep(0.02)

    def classify(self, body: bytes, query: str = "", headers: dict[str, str] | None = None) -> httpx2.Response:
        """POST a sound."""
        return self.client.post(f"/v1/classify{query}", content=body, headers=headers or WAV)

    def terminate(self, signum: int = signal.SIGTERM) -> None:
        """Ask it to end."""
        self.process.send_signal(signum)

    def wait(self, seconds: float = 30) -> int:
        """Its exit status."""
        status = self.process.wait(seconds)
        self._reader.join(5)
        return status

    def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(5)
        if self.process.stderr:
            self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line)

    def _wait_for_url(self) -> str:
        stop = time.monotonic() + START_S
        while time.monotonic() < stop:
            if found := LISTENING.search(self.log):
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        self.process.kill()
        raise AssertionError(f"the service did not start: {self.log}")


@contextmanager
def running(*flags: str, env: dict[str, str] | None = None) -> Iterator[Process]:
    """A service that is ready; gone afterwards."""
    process = Process(*flags, env=env)
    try:
        process.wait_until_ready()
        yield process
    finally:
        process.close()
