"""/v2 over plain sockets, by no client's rules: raw bodies, broken ones, hostile ones, and clients that hang up."""

import base64
import gzip
import json
import socket
import time
from http.client import HTTPResponse
from typing import Any

import numpy as np
import pytest

from service.oip.messages import LONGEST_ID
from tests.service.process import Process

MODEL = "/v2/models/esc10-resnet"
INFER = f"{MODEL}/infer"
LENGTH = "Inference-Header-Content-Length"
WINDOW = 160_000
SILENCE = np.zeros((1, WINDOW), np.float32).tobytes()


def head(**more: Any) -> bytes:  # noqa: ANN401  (JSON)
    waveform = {"name": "waveform", "shape": [1, WINDOW], "datatype": "FP32"}
    inputs = [waveform | {"parameters": {"binary_data_size": len(SILENCE)}}]
    return json.dumps({"inputs": inputs} | more).encode()


def problem(server: Process, body: bytes, headers: dict[str, str] | None = None, path: str = INFER) -> dict[str, Any]:
    answer = server.client.post(path, content=body, headers=headers)
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    assert told["error"] == told["detail"]
    assert_still_answers(server)
    return told


def assert_still_answers(server: Process) -> None:
    answer = server.client.post(INFER, content=head() + SILENCE, headers={LENGTH: str(len(head()))})
    assert answer.status_code == 200


def test_a_raw_body_is_a_sound(server: Process, rooster: bytes) -> None:
    answer = server.client.post(INFER, content=rooster, headers={LENGTH: "0"})
    told = json.loads(answer.content[: int(answer.headers[LENGTH])])
    assert [output["name"] for output in told["outputs"]] == ["logits", "embedding", "probabilities"]
    shares = np.frombuffer(answer.content[-40:], "<f4")
    assert shares.argmax() == 1
    assert shares.sum() == pytest.approx(1)


def test_a_sound_in_json_is_base64(server: Process, rooster: bytes) -> None:
    tensor = {"name": "audio", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(rooster).decode()]}
    outputs = [{"name": "probabilities", "parameters": {"classification": 1}}]
    answer = server.client.post(INFER, json={"inputs": [tensor], "outputs": outputs})
    assert LENGTH not in answer.headers
    assert answer.json()["outputs"][0]["data"][0].endswith(":1:rooster")


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_server_is_found_with_and_without_a_slash(server: Process, path: str) -> None:
    assert server.client.get(path).json()["name"] == "earshot"


def test_the_index_can_be_asked_for_what_is_ready(server: Process) -> None:
    for body in (b"", b"{}", b'{"ready": true}'):
        assert len(server.client.post("/v2/repository/index", content=body).json()) == 1
    assert problem(server, b"{", path="/v2/repository/index")["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("body", "length", "code"),
    [
        (b"", None, "empty_body"),
        (b"", "0", "empty_body"),
        (b"{", None, "invalid_request"),
        (b"not json", None, "invalid_request"),
        (b"[" * 100_000, None, "invalid_request"),
        (b'{"inputs":' + b'{"inputs":' * 5000, None, "invalid_request"),
        (b"\xff\xfe\xfd", None, "invalid_request"),
        (b"no sound", "0", "undecodable_audio"),
        (head(), "1", "invalid_request"),
        (head() + SILENCE, None, "invalid_request"),
        (head() + SILENCE, "-1", "invalid_request"),
        (head() + SILENCE, "x", "invalid_request"),
        (head() + SILENCE, "9" * 30, "invalid_request"),
        (head() + SILENCE, str(len(head()) - 1), "invalid_request"),
        (head() + SILENCE, str(len(head()) + 1), "invalid_request"),
        (head() + SILENCE[:-4], str(len(head())), "invalid_request"),
        (head() + SILENCE + SILENCE, str(len(head())), "invalid_request"),
        (head(id="x" * (LONGEST_ID + 1)), None, "invalid_request"),
        (head(parameters={"timeout": -1}), None, "invalid_request"),
        (head(parameters={"binary_data_output": "yes"}), None, "invalid_request"),
        (head(outputs=[{"name": "logits"}] * 2), None, "invalid_request"),
        (head(outputs=[{"name": "logits"}] * 1000), None, "invalid_request"),
    ],
)
def test_a_wrong_body_is_refused(server: Process, body: bytes, length: str | None, code: str) -> None:
    assert problem(server, body, {} if length is None else {LENGTH: length})["code"] == code


def test_too_many_rows_are_refused_before_they_are_read(server: Process) -> None:
    tensor = {"name": "waveform", "shape": [2**40, WINDOW], "datatype": "FP32", "parameters": {"binary_data_size": 0}}
    assert problem(server, head(inputs=[tensor]))["code"] == "too_long"


def test_a_huge_declared_body_is_refused_at_once(server: Process) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n".encode())
        answer = HTTPResponse(connection)
        answer.begin()
        told = json.loads(answer.read())
    assert (answer.status, told["code"]) == (413, "too_large")
    assert told["error"] == told["detail"]


def test_packed_bodies_are_bounded_by_what_is_in_them(server: Process) -> None:
    bomb = gzip.compress(bytes(200 * 2**20), 1)
    assert problem(server, bomb, {"content-encoding": "gzip"})["code"] == "too_large"
    assert problem(server, b"x", {"content-encoding": "br"})["code"] == "unsupported_media_type"


@pytest.mark.parametrize("unit", [b"[],", b"{},"])
def test_json_that_would_grow_on_being_parsed_is_refused(server: Process, unit: bytes) -> None:
    body = b'{"inputs":[' + unit * (6 * 2**20) + b"0]}"
    before = resident(server)
    assert problem(server, body)["code"] == "too_large"
    assert resident(server) - before < 100 * 2**20


def test_unknown_paths_and_methods_have_the_error_too(server: Process) -> None:
    assert problem(server, b"", path=f"{MODEL}/generate")["code"] == "not_found"
    answer = server.client.get(INFER)
    assert (answer.status_code, answer.json()["error"]) == (405, answer.json()["detail"])


def test_elsewhere_problems_are_as_they_were(server: Process) -> None:
    assert "error" not in server.classify(b"").json()


def test_who_hangs_up_is_not_computed_for(server: Process) -> None:
    rows = 64
    tensor = {"name": "waveform", "shape": [rows, WINDOW], "datatype": "FP32"}
    asked = head(inputs=[tensor | {"parameters": {"binary_data_size": rows * len(SILENCE)}}])
    before = metric(server, "earshot_departed_total")
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        size = len(asked) + rows * len(SILENCE)
        lines = f"POST {INFER} HTTP/1.1\r\nHost: x\r\n{LENGTH}: {len(asked)}\r\nContent-Length: {size}\r\n\r\n"
        connection.sendall(lines.encode() + asked + SILENCE * rows)
    stop = time.monotonic() + 10
    while metric(server, "earshot_departed_total") == before:
        assert time.monotonic() < stop, "nobody noticed"
        time.sleep(0.02)
    assert metric(server, "earshot_queue_windows") == 0
    assert_still_answers(server)


def test_metrics_and_headers_know_the_routes_by_their_patterns(server: Process) -> None:
    answer = server.client.post(INFER, content=head() + SILENCE, headers={LENGTH: str(len(head()))})
    assert "engine;dur=" in answer.headers["server-timing"]
    assert 'route="/v2/models/{name}/infer",status="200"' in server.client.get("/metrics").text


def metric(server: Process, name: str) -> float:
    lines = server.client.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


def resident(server: Process) -> float:
    return metric(server, "process_resident_memory_bytes")
