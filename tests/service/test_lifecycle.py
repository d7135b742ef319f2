"""The service as a process: how it refuses to start, how it ends, and how it takes another model while it serves."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest

from tests.contract.sounds import wav
from tests.service.graphs import save_graph
from tests.service.process import WAV, Process, environment, running
from tests.service.wire import Wire, post, wait_for, wire

ROOT = Path(__file__).parents[2]
ESC10 = ROOT / "bundles" / "esc10-resnet"
LONG = wav(bytes(2 * 32_000 * 6), sample_rate=32_000)
SLOWLY = "/v1/classify?hop_s=0.1&timeout_ms=60000"
"""11 windows each: some 20 ms for an engine."""

PATIENT = {"EARSHOT_MAX_QUEUE": "100000", "EARSHOT_REPLICAS": "1"}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(ESC10, tmp_path / "bundle"))


def with_version(bundle: Path, version: str) -> None:
    """Another one of the same model."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps(manifest | {"version": version}))


def in_vain(*flags: str, **env: str) -> list[str]:
    """What a service says that cannot start."""
    words = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", "0", *flags]
    done = subprocess.run(
        words, cwd=ROOT, env=environment() | env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    *before, last = done.stderr.splitlines()
    assert last.startswith("error: ")
    assert not [line for line in before if "error" in line]
    return [*before, last]


def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert in_vain("--port", str(port)) == [
            f"error: port {port} is in use: choose another by --port, or 0 for any that is free"
        ]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--bundle", "nothing"), "no bundle nothing: name a folder, or one of these: esc10-resnet, esc50-resnet"),
        (("--model", "cli.py", "--sample-rate", "8000"), "cannot load it"),
        (("--api-keys-file", "nothing.txt"), "nothing.txt: the API keys cannot be read"),
    ],
)
def test_what_it_cannot_start_with_is_said_in_a_sentence(flags: tuple[str, ...], sentence: str) -> None:
    assert sentence in in_vain(*flags)[-1]


def test_a_bundle_that_was_changed_is_not_served(bundle: Path) -> None:
    graph = bundle / "model.int8.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    assert "model.int8.onnx was changed" in in_vain("--bundle", str(bundle))[-1]


def test_a_bundle_of_a_later_schema_is_not_served(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps(manifest | {"schema_version": "2.0"}))
    assert "update Earshot" in in_vain("--bundle", str(bundle))[-1]


def test_a_flag_that_it_does_not_know_is_refused() -> None:
    words = [sys.executable, str(ROOT / "cli.py"), "serve", "--ports", "1"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def ended(process: Process, within: float) -> int:
    """Its exit status; it leaves no error, no listener and nobody behind."""
    start = time.monotonic()
    status = process.wait(30)
    assert time.monotonic() - start < within
    assert "Traceback" not in process.log
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", process.port))
    return status


def children(process: Process) -> str:
    """Processes that it has started."""
    pid = process.process.pid
    return "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_what_was_accepted_is_answered_before_the_end(signum: signal.Signals) -> None:
    with running("--bundle", "esc10-resnet", env=PATIENT) as process, wire(process.port) as uploading:
        uploading.send(post(LONG[:1_000], content_length=len(LONG)))
        with waiting(process, 24) as lines:
            assert children(process) == ""
            process.terminate(signum)
            wait_for(lambda: process.client.get("/readyz").status_code == 503)
            assert process.client.get("/readyz").json()["status"] == "draining"
            refused = process.classify(LONG)
            assert (refused.status_code, refused.json()["code"]) == (503, "draining")
            assert int(refused.headers["retry-after"]) >= 1
            process.client.close()
            uploading.send(LONG[1_000:])
            assert [line.answer().status for line in lines] == [200] * 24
        assert uploading.answer().status == 200
        assert ended(process, within=5) == 0


@contextmanager
def waiting(process: Process, count: int) -> Iterator[list[Wire]]:
    """So many clients whose sounds were taken and are not answered yet."""
    with ExitStack() as stack:
        lines = [stack.enter_context(wire(process.port)) for _ in range(count)]
        for line in lines:
            line.send(post(LONG, SLOWLY))
        wait_for(lambda: in_flight(process) > count)
        yield lines


def in_flight(process: Process) -> float:
    """Requests, this one among them."""
    lines = process.client.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith("earshot_in_flight ")).split()[1])


def test_a_load_balancer_has_its_time_to_notice(rooster: bytes) -> None:
    with running("--bundle", "esc10-resnet", "--drain-delay-s", "0.6") as process:
        process.terminate()
        wait_for(lambda: process.client.get("/readyz").status_code == 503)
        assert process.client.get("/readyz").json()["status"] == "draining"
        assert process.client.get("/healthz").status_code == 200
        assert process.classify(rooster).status_code == 200
        with wire(process.port) as late:
            late.send(post(rooster))
            assert late.answer().status == 200
        wait_for(lambda: process.classify(rooster).status_code == 503)
        process.client.close()
        assert ended(process, within=3) == 0


def test_idle_connections_do_not_hold_up_the_end() -> None:
    with running("--bundle", "esc10-resnet") as process, wire(process.port) as silent, wire(process.port) as halfway:
        halfway.send(b"POST /v1/classify HTTP/1.1\r\n")
        process.terminate()
        assert ended(process, within=2) == 0
        assert (silent.rest(), halfway.rest()) == (b"", b"")


def test_clients_that_hang_hold_up_the_end_only_as_long_as_is_granted(rooster: bytes) -> None:
    with running("--bundle", "esc10-resnet", "--grace-s", "1") as process, wire(process.port) as hung:
        hung.send(post(rooster[:1_000], content_length=len(rooster)))
        wait_for(lambda: in_flight(process) == 2)
        process.terminate()
        assert ended(process, within=4) == 0
        assert hung.answer().code == "draining"


def test_clients_that_keep_asking_do_not_hold_up_the_end(rooster: bytes) -> None:
    with running("--bundle", "esc10-resnet", "--grace-s", "20") as process, asking(process, rooster):
        process.terminate()
        assert ended(process, within=8) == 0


def test_a_second_signal_ends_it_at_once() -> None:
    with running("--bundle", "esc10-resnet", env=PATIENT) as process, waiting(process, 24) as lines:
        process.terminate()
        wait_for(lambda: process.client.get("/readyz").status_code == 503)
        process.terminate()
        assert ended(process, within=1.5) == 0
        assert "stopping at once" in process.log
        assert b"HTTP/1.1 503 " in b"".join(line.rest() for line in lines)


def test_it_can_be_ended_while_it_loads() -> None:
    process = Process("--bundle", "esc50-resnet")
    try:
        assert process.client.get("/readyz").json() == {"status": "loading", "reason": None}
        assert process.client.get("/healthz").status_code == 200
        assert process.classify(LONG).json()["code"] == "unavailable"
        process.terminate()
        assert ended(process, within=4) == 0
    finally:
        process.close()


def test_it_can_be_ended_while_it_loads_what_takes_for_ever(tmp_path: Path) -> None:
    never = tmp_path / "labels"
    os.mkfifo(never)
    graph = save_graph(tmp_path / "mine.onnx")
    process = Process("--model", str(graph), "--sample-rate", "8000", "--labels", str(never))
    try:
        assert process.client.get("/readyz").json()["status"] == "loading"
        process.terminate()
        assert ended(process, within=4) == 0
    finally:
        process.close()


class Answer(NamedTuple):
    asker: int
    status: int
    version: str


@contextmanager
def asking(process: Process, sound: bytes) -> Iterator[list[Answer]]:
    """Two clients that ask without a pause: all answers, as they came."""
    answers: list[Answer] = []
    enough = threading.Event()

    def ask(asker: int) -> None:
        with httpx2.Client(base_url=process.url, timeout=30) as client:
            while not enough.is_set():
                try:
                    answer = client.post("/v1/classify", content=sound, headers=WAV)
                except httpx2.HTTPError:
                    answers.append(Answer(asker, 0, ""))
                    return
                version = answer.json().get("model", {}).get("version", "")
                answers.append(Answer(asker, answer.status_code, version))

    threads = [threading.Thread(target=ask, args=(asker,)) for asker in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def test_another_model_is_taken_without_one_request_that_fails(bundle: Path, rooster: bytes) -> None:
    env = {"EARSHOT_ADMIN_KEY": "boss"}
    admin = {"authorization": "Bearer boss"}
    with running("--bundle", str(bundle), env=env) as process, asking(process, rooster) as answers:

        def serves(version: str) -> Callable[[], bool]:
            return lambda: {(answer.status, answer.version) for answer in answers[-1:]} == {(200, version)}

        with_version(bundle, "97.0.0")
        process.terminate(signal.SIGHUP)
        wait_for(serves("97.0.0"))

        with_version(bundle, "98.0.0")
        reloaded = process.client.post("/v1/admin/reload", headers=admin)
        assert (reloaded.status_code, reloaded.json()["version"]) == (200, "98.0.0")
        wait_for(serves("98.0.0"))

        graph = bundle / "model.int8.onnx"
        graph.write_bytes(graph.read_bytes()[:-1] + b"?")
        process.terminate(signal.SIGHUP)
        wait_for(lambda: "model.int8.onnx was changed" in process.log)
        refused = process.client.post("/v1/admin/reload", headers=admin)
        assert (refused.status_code, refused.json()["code"]) == (409, "invalid_request")
        assert str(bundle) not in refused.text
        assert process.client.get("/readyz").status_code == 200
        count = len(answers)
        wait_for(lambda: len(answers) > count + 10)
        assert serves("98.0.0")()
    assert {answer.status for answer in answers} == {200}
    # Each for itself: what was begun on the old model may end after the other's first answer of the new one.
    for asker in range(2):
        versions = [answer.version for answer in answers if answer.asker == asker]
        assert versions == sorted(versions)
    assert "Traceback" not in process.log
