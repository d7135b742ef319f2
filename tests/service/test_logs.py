"""The log of a real process, whatever strangers send; and the two forms of a line."""

import json
import logging
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from service.logs import JsonLines, Text
from tests.service.process import WAV, Process, running

ROOT = Path(__file__).parents[2]
SECRET, ADMIN, WRONG = "correct-horse-battery", "staple-of-the-admin", "a-key-that-is-none"
FORGED = '{"level": "critical", "message": "forged"}'
NASTY = f"\r\n{FORGED}\u2028{FORGED}\x1b[2J\x00\x85"


def lines_of(server: Process) -> list[dict[str, Any]]:
    return [json.loads(line) for line in list(server.lines)]


def requests_of(server: Process, **wanted: object) -> list[dict[str, Any]]:
    """The request lines with these fields, as soon as there are any: a line is written after the answer."""
    stop = time.monotonic() + 5
    while time.monotonic() < stop:
        found = [line for line in lines_of(server) if line["message"] == "request" and wanted.items() <= line.items()]
        if found:
            return found
        time.sleep(0.01)
    return []


def send(port: int, data: bytes) -> None:
    """Bytes as they are, then hear the answer out."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def misbehave(server: Process, rooster: bytes) -> None:
    """Whatever could get into a log, in every place where a stranger may write."""
    client = server.client
    client.get("/" + "".join(f"%{byte:02X}" for byte in NASTY.encode()))
    client.post("/v1/classify", params={"top_k": NASTY, NASTY: "1"}, content=rooster, headers=WAV)
    client.post("/v1/classify", params={"labels": NASTY}, content=rooster, headers=WAV)
    client.post("/v1/classify", json={"audio": NASTY, NASTY: NASTY})
    client.post("/v1/classify", files={"file": (NASTY, rooster)})
    client.post("/v1/classify", files={NASTY: (NASTY, NASTY.encode())})
    server.classify(NASTY.encode())
    raw = NASTY.encode().replace(b"\r\n", b"")
    for name in (b"Content-Type", b"X-Request-ID", b"Traceparent", b"Authorization", b"User-Agent", b"Host"):
        head = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + name + b": " + raw + b"\r\n\r\n"
        send(server.port, head)
    send(server.port, NASTY.encode())
    send(server.port, b"POST /v1/classify HTTP/1.1\r\nContent-Length: " + raw + b"\r\n\r\n")


def test_the_line_of_a_request_carries_the_id_that_its_client_sent(server: Process, rooster: bytes) -> None:
    answer = server.classify(rooster, headers=WAV | {"x-request-id": "from-the-client-1"})
    (line,) = requests_of(server, request_id="from-the-client-1")
    assert (line["route"], line["status"], line["code"]) == ("/v1/classify", 200, "ok")
    assert line["queue_ms"] == answer.json()["timings"]["queue_ms"]
    assert line["windows"] == 1


@pytest.mark.parametrize("given", ["with a blank", "x" * 129, "tab\there", "caf\u00e9"])
def test_an_id_that_could_do_harm_is_replaced(server: Process, given: str) -> None:
    answer = server.client.get("/v1/model", headers={b"x-request-id": given.encode("latin-1")})
    own = answer.headers["x-request-id"]
    assert own != given
    assert requests_of(server, request_id=own)
    assert given not in [line.get("request_id") for line in lines_of(server)]


@pytest.fixture(scope="module")
def chatty(rooster: bytes) -> list[str]:
    """All that a process has written that says everything, and was badly treated."""
    with running("--bundle", "esc10-resnet", "--log-level", "debug") as server:
        misbehave(server, rooster)
        server.classify(rooster, headers=WAV | {"x-request-id": "the-last"})
        server.terminate()
        assert server.wait() == 0
        return server.log.splitlines()  # ends lines at more characters than a line feed, as some readers do


def test_every_line_is_one_json_object_whatever_strangers_send(chatty: list[str]) -> None:
    told = [json.loads(line) for line in chatty]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in told)
    assert any(line.get("request_id") == "the-last" for line in told)
    assert not [line for line in told if line["message"] == "forged" or line["level"] in {"error", "critical"}]


def test_probes_are_worth_a_line_to_those_who_look_for_it(chatty: list[str]) -> None:
    probes = [line for line in map(json.loads, chatty) if line.get("route") == "/readyz"]
    assert {line["level"] for line in probes} == {"debug"}


def test_probes_are_worth_no_line_to_all_others(server: Process) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        server.client.get(path)
    server.client.get("/v1/model", headers={"x-request-id": "after-the-probes"})
    assert requests_of(server, request_id="after-the-probes")
    routes = {line["route"] for line in lines_of(server) if line["message"] == "request"}
    assert not routes & {"/healthz", "/readyz", "/metrics"}


def test_strangers_cannot_begin_a_line_of_text(rooster: bytes) -> None:
    with running("--bundle", "esc10-resnet", "--log-format", "text", "--log-level", "debug") as server:
        misbehave(server, rooster)
        server.terminate()
        assert server.wait() == 0
        lines = server.log.split("\n")[:-1]
    assert len(lines) > 10
    assert all(line[:8].replace(":", "").isdigit() and line.isprintable() for line in lines)


def test_no_key_is_ever_logged(rooster: bytes) -> None:
    env = {"EARSHOT_API_KEYS": SECRET, "EARSHOT_ADMIN_KEY": ADMIN}
    with running("--bundle", "esc10-resnet", "--log-level", "debug", env=env) as server:
        for headers in ({"authorization": f"Bearer {SECRET}"}, {"x-api-key": SECRET}):
            assert server.classify(rooster, headers=WAV | headers).status_code == 200
        assert server.classify(rooster, headers=WAV | {"x-api-key": WRONG}).status_code == 401
        assert server.classify(rooster, f"?api_key={SECRET}").status_code == 401
        admin = {"authorization": f"Bearer {ADMIN}", "x-api-key": SECRET}
        server.client.post("/v1/admin/reload", headers=admin)
        assert requests_of(server, status=200)
        assert requests_of(server, status=401)
        server.terminate()
        server.wait()
        log = server.log
    assert [key for key in (SECRET, ADMIN, WRONG) if key in log] == []


def test_requests_need_not_be_logged(rooster: bytes) -> None:
    with running("--bundle", "esc10-resnet", "--no-access-log") as server:
        server.classify(rooster)
        server.terminate()
        server.wait()
        assert [line for line in lines_of(server) if line["message"] == "request"] == []


def test_what_nobody_caught_is_a_line_like_any_other() -> None:
    code = (
        "import threading, warnings\n"
        "from service.logs import set_up\n"
        "from service.settings import Settings\n"
        "set_up(Settings(log_format='json'))\n"
        "warnings.warn('something is old')\n"
        "def fail(): raise RuntimeError('in a thread')\n"
        "thread = threading.Thread(target=fail); thread.start(); thread.join()\n"
        "raise RuntimeError('at the end')\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    old, in_a_thread, at_the_end = [json.loads(line) for line in result.stderr.splitlines()]
    assert "something is old" in old["message"]
    assert "RuntimeError: in a thread" in in_a_thread["exception"]
    assert "RuntimeError: at the end" in at_the_end["exception"]


def record_of(error: Exception) -> logging.LogRecord:
    try:
        raise error
    except type(error):
        info = sys.exc_info()
    record = logging.LogRecord("service.x", logging.ERROR, __file__, 1, "it says %s", (NASTY,), info)
    record.fields = {"name": NASTY}
    return record


def test_a_json_line_is_ascii_and_says_all_that_was_said() -> None:
    line = JsonLines().format(record_of(RuntimeError(f"{NASTY}\udc80")))
    assert line.isascii()
    assert line.isprintable()
    told = json.loads(line)
    assert told["message"] == f"it says {NASTY}"
    assert told["name"] == NASTY
    assert told["exception"].endswith(f"RuntimeError: {NASTY}\udc80")


def test_what_an_error_says_stands_indented_below_its_line_of_text() -> None:
    first, *others = Text().format(record_of(RuntimeError(f"{NASTY}\n{FORGED}"))).split("\n")
    assert first.isprintable()
    assert len(others) > 3
    assert all(line.startswith("    ") and line.isprintable() for line in others)
