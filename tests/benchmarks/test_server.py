"""Any server as a process: with all that it starts, wherever that lives, and nothing of it left at the end."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from benchmarks import server
from benchmarks.server import Server, free_port
from contract.errors import EarshotError

ROOT = Path(__file__).parents[2]
SERVING = """
    import http.server, subprocess, sys
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


class Simple(Server):
    """Python's own."""

    def __init__(self, code: str) -> None:
        port = free_port()
        super().__init__("it", [sys.executable, "-c", textwrap.dedent(code), str(port)], port)

    def is_ready(self) -> bool:
        return self.get("/")[0] == 200


def test_what_a_server_started_in_another_session_is_counted_and_goes_with_it() -> None:
    with Simple(SERVING) as running:
        running.wait_until_ready()
        assert len(running.processes()) == 2
        running.terminate()
        assert running.wait(5) == -15
        assert len(running.processes()) == 1  # the child, whose parent is gone
    assert running.processes() == []


def test_a_measurement_that_is_told_to_end_takes_its_servers_along() -> None:
    code = """
        import time
        from benchmarks.server import end_tidily
        from tests.benchmarks.test_server import SERVING, Simple
        end_tidily()
        with Simple(SERVING) as running:
            running.wait_until_ready()
            print(*running.processes(), flush=True)
            time.sleep(60)
    """
    words = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as measurement:
        assert measurement.stdout
        pids = measurement.stdout.readline().split()
        assert len(pids) == 2
        measurement.terminate()
        assert measurement.wait(10) == 128 + 15
    assert not [pid for pid in pids if Path(f"/proc/{pid}/cwd").exists()]


def test_a_server_that_ends_says_why() -> None:
    with Simple("raise SystemExit('error: no luck')") as running, pytest.raises(EarshotError) as failed:
        running.wait_until_ready()
    assert str(failed.value) == "it did not start: no luck"


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "READY_S", 0.3)
    with (
        Simple("import time; time.sleep(60)") as running,
        pytest.raises(EarshotError, match=r"not ready after 0\.3 s"),
    ):
        running.wait_until_ready()


def test_a_server_that_does_not_end_has_no_status() -> None:
    with Simple(f"import signal; signal.signal(15, signal.SIG_IGN)\n{textwrap.dedent(SERVING)}") as running:
        running.wait_until_ready()
        running.terminate()
        assert running.wait(0.1) is None
