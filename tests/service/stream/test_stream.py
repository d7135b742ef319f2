"""WS /v1/stream against a real process: real clips, and everything that a client can do wrong."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from contract.audio import Waveform, decode
from tests.service.process import Process
from tests.service.stream.sound import f32, s16
from tests.service.stream.wires import begin, dial, rest, said
from tests.service.wire import wait_for

RATE = 32_000
"""What the model hears."""
END = json.dumps({"type": "end"})
MOST_BYTES = 2**20


def heard(server: Process, sound: bytes, **fields: object) -> list[dict[str, Any]]:
    """Every prediction about a recording."""
    with dial(server) as socket:
        begin(socket, when_behind="wait", **fields)
        for at in range(0, len(sound), 50_000):
            socket.send(sound[at : at + 50_000])
        socket.send(END)
        messages, code = rest(socket)
    assert code == 1000
    assert messages[-1]["type"] == "end"
    return messages[:-1]


def as_wav(waveform: Waveform, rate: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, format="WAV", subtype="FLOAT")
    return file.getvalue()


def assert_same(prediction: dict[str, Any], answer: dict[str, Any]) -> None:
    """Of a live stream and of a request."""
    shares = {entry["label"]: entry["confidence"] for entry in answer["predictions"]}
    assert prediction["predictions"][0]["label"] == answer["predictions"][0]["label"]
    for entry in prediction["predictions"]:
        assert entry["confidence"] == pytest.approx(shares[entry["label"]], abs=1e-4)
    assert prediction["uncertain"] == answer["uncertain"]
    assert prediction["novelty"] == pytest.approx(answer["novelty"]["score"], rel=1e-3)
    assert prediction["unlike_training"] == answer["novelty"]["unlike_training"]
    assert prediction["model"] == answer["model"]


def test_a_stream_says_what_it_is_ready_for(server: Process) -> None:
    with dial(server) as socket:
        ready = begin(socket, hop_s=0.5)
        assert socket.response
        assert ready["request_id"] == socket.response.headers["X-Request-ID"]
    assert (ready["type"], ready["sample_rate"], ready["window_s"], ready["hop_s"]) == ("ready", RATE, 5.0, 0.5)
    assert ready["model"]["name"] == "esc10-resnet"


def test_a_rooster_is_named_hop_by_hop(server: Process, rooster: bytes) -> None:
    predictions = heard(server, s16(decode(rooster, RATE)), smoothing=0.5)
    assert [(message["start_s"], message["end_s"]) for message in predictions] == [(0, n) for n in (1, 2, 3, 4, 5)]
    assert [message["skipped"] for message in predictions] == [0] * 5
    assert predictions[-1]["predictions"][0]["label"] == "rooster"
    assert len(predictions[-1]["predictions"]) == 3
    shares = [message["predictions"][0]["confidence"] for message in predictions]
    assert shares == sorted(shares)


def test_the_last_window_gets_the_answer_of_a_request(server: Process, rooster: bytes, esc10_mini: Path) -> None:
    before = decode(min((esc10_mini / "audio").iterdir()), RATE)[: 5 * RATE]
    sound = s16(np.concatenate((before, decode(rooster, RATE))))
    predictions = heard(server, sound)
    assert predictions[-1]["start_s"] == 5.0
    assert_same(predictions[-1], server.classify(rooster, "?top_k=10").json())


@pytest.mark.parametrize(("rate", "as_floats"), [(44_100, True), (48_000, True), (48_000, False), (16_000, True)])
def test_any_rate_gets_the_answer_of_a_file(server: Process, esc10_mini: Path, rate: int, *, as_floats: bool) -> None:
    clip = min((esc10_mini / "audio").glob("*-1.ogg"))
    waveform = decode(clip, rate).clip(-1, 1 - 2**-15)
    if not as_floats:
        waveform = np.round(waveform * 2**15) / np.float32(2**15)
    sound, form = (f32(waveform), "f32le") if as_floats else (s16(waveform), "s16le")
    predictions = heard(server, sound, format=form, sample_rate=rate, hop_s=2.5)
    answer = server.classify(as_wav(waveform, rate), "?top_k=10").json()
    assert predictions[-1]["end_s"] == 5.0
    assert_same(predictions[-1], answer)


def test_the_mean_of_two_channels_is_heard(server: Process, rooster: bytes) -> None:
    waveform = decode(rooster, RATE)
    frames = np.stack((waveform * 1.5, waveform * 0.5), axis=1)
    predictions = heard(server, f32(frames), format="f32le", channels=2, hop_s=5)
    assert_same(predictions[0], server.classify(rooster, "?top_k=10").json())


def test_the_first_hop_is_heard_as_a_short_clip_is(server: Process, rooster: bytes) -> None:
    first = decode(rooster, RATE)[:RATE]
    with dial(server) as socket:
        begin(socket)
        socket.send(s16(first))
        prediction = said(socket)
    assert (prediction["hop"], prediction["start_s"], prediction["end_s"]) == (1, 0, 1)
    assert_same(prediction, server.classify(as_wav(first, RATE), "?top_k=10").json())


@pytest.mark.parametrize(
    ("first", "code", "detail"),
    [
        ("hello", 1008, "JSON"),
        ('{"format": "s16le"', 1008, "JSON"),
        ('{"format": "s16le"}', 1008, "sample_rate: Field required"),
        ('{"format": "s16le", "sample_rate": 1}', 1008, "sample_rate"),
        ("[" * 100_000, 1008, "JSON"),
        (b"\x00\x00", 1003, "must be text"),
    ],
)
def test_what_is_no_opening_is_told_and_closed(server: Process, first: str | bytes, code: int, detail: str) -> None:
    with dial(server) as socket:
        socket.send(first)
        (problem,), closed = rest(socket)
    assert closed == code
    assert (problem["type"], problem["code"], problem["status"]) == ("problem", "invalid_request", 400)
    assert detail in problem["detail"]


@pytest.mark.parametrize("text", ['{"type": "stop"}', "end", '{"type": "end", "x": 1}'])
def test_only_the_end_may_follow_as_text(server: Process, text: str) -> None:
    with dial(server) as socket:
        begin(socket)
        socket.send(text)
        (problem,), closed = rest(socket)
    assert (problem["code"], closed) == ("invalid_request", 1008)


@pytest.mark.parametrize("bad", [np.nan, 1e20])
def test_samples_that_a_file_may_not_hold_end_the_stream(server: Process, bad: float) -> None:
    with dial(server) as socket:
        begin(socket, format="f32le")
        socket.send(f32(np.array([0.0, bad])))
        (problem,), closed = rest(socket)
    assert (problem["code"], problem["status"], closed) == ("undecodable_audio", 422, 1008)


def test_a_message_that_is_too_large_is_not_read(server: Process) -> None:
    with dial(server) as socket:
        begin(socket)
        socket.send(bytes(MOST_BYTES + 1))
        assert rest(socket) == ([], 1009)


def test_the_largest_message_is_heard(server: Process) -> None:
    with dial(server) as socket:
        begin(socket)
        socket.send(bytes(MOST_BYTES))
        socket.send(END)
        messages, code = rest(socket)
    assert code == 1000
    assert messages[-1]["heard_s"] == round(MOST_BYTES / 2 / RATE, 3)
    assert messages[-1]["hops"] + messages[-1]["skipped"] == 17  # 16.4 s of it


def test_a_stream_without_sound_ends_in_order(server: Process) -> None:
    with dial(server) as socket:
        begin(socket)
        socket.send(END)
        messages, code = rest(socket)
    assert messages == [{"type": "end", "reason": "asked", "hops": 0, "skipped": 0, "heard_s": 0}]
    assert code == 1000


def test_streams_and_requests_are_answered_side_by_side(server: Process, rooster: bytes) -> None:
    with dial(server) as one, dial(server) as other:
        begin(one)
        begin(other)
        one.send(bytes(2 * RATE))
        other.send(s16(decode(rooster, RATE)[:RATE]))
        assert server.classify(rooster).status_code == 200
        assert {said(one)["end_s"], said(other)["end_s"]} == {1.0}
        wait_for(lambda: "earshot_streams 2.0" in server.client.get("/metrics").text)


def test_whoever_hangs_up_leaves_nothing_behind(server: Process) -> None:
    for _ in range(5):
        with dial(server) as socket:
            begin(socket)
            socket.send(bytes(2 * RATE))
            socket.close()
    wait_for(lambda: "earshot_streams 0.0" in server.client.get("/metrics").text)
    assert "Traceback" not in server.log
