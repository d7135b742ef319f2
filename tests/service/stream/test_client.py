"""The client against a real process, and against what is none."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import enumerate as enumerate_threads

import numpy as np
import pytest

from contract.audio import decode
from service.stream.client import LARGEST_PIECE, StreamError, listen
from tests.service.process import Process, running
from tests.service.stream.sound import f32
from tests.service.stream.wires import PATIENCE_S

RATE = 32_000


def url_of(server: Process) -> str:
    return f"ws://127.0.0.1:{server.port}/v1/stream"


def seconds(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield bytes(2 * RATE)


def test_it_gives_all_messages_in_their_order(server: Process, rooster: bytes) -> None:
    pieces = iter([f32(decode(rooster, RATE))])
    messages = list(listen(url_of(server), pieces, RATE, sample_format="f32le", top_k=1, wait=True))
    assert [message["type"] for message in messages] == ["ready", *["prediction"] * 5, "end"]
    assert messages[-2]["predictions"][0]["label"] == "rooster"
    assert len(messages[-2]["predictions"]) == 1


def test_whoever_waits_gets_every_hop_of_a_long_recording(server: Process) -> None:
    messages = list(listen(url_of(server), seconds(60), RATE, wait=True))
    assert [message["hop"] for message in messages[1:-1]] == list(range(1, 61))


def test_pieces_may_be_larger_than_messages(server: Process) -> None:
    piece = bytes(3 * LARGEST_PIECE)
    messages = list(listen(url_of(server), [piece], RATE))
    assert messages[-1]["heard_s"] == pytest.approx(len(piece) / 2 / RATE, abs=1e-3)


def test_a_refusal_is_told_in_the_services_words(server: Process) -> None:
    with pytest.raises(StreamError, match=r"hop_s: Input should be greater than"):
        list(listen(url_of(server), seconds(1), RATE, hop_s=0.01))


def test_a_fault_of_the_sound_ends_the_stream_with_its_reason(server: Process) -> None:
    with pytest.raises(StreamError, match="not numbers"):
        list(listen(url_of(server), [f32(np.array([np.nan]))], RATE, sample_format="f32le"))


def test_an_error_of_the_source_is_raised_where_the_messages_are_read(server: Process) -> None:
    def broken() -> Iterator[bytes]:
        yield bytes(100)
        raise OSError("the microphone is gone")

    with pytest.raises(OSError, match="microphone is gone"):
        list(listen(url_of(server), broken(), RATE))


def test_whoever_stops_reading_stops_the_stream(server: Process) -> None:
    messages = listen(url_of(server), seconds(10_000), RATE, wait=True)
    assert next(messages)["type"] == "ready"
    assert next(messages)["hop"] == 1
    messages.close()
    for thread in enumerate_threads():
        if thread.name == "sender":
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def test_a_key_opens_the_door() -> None:
    with running("--bundle", "esc10-resnet", env={"EARSHOT_API_KEYS": "s3cret"}) as server:
        assert [m["type"] for m in listen(url_of(server), [], RATE, key="s3cret")] == ["ready", "end"]
        with pytest.raises(StreamError, match="Send an API key"):
            list(listen(url_of(server), [], RATE, key="wrong"))


def test_where_nobody_listens_one_sentence_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(StreamError, match="no service answers there; `earshot serve` starts one"):
            list(listen(f"ws://127.0.0.1:{port}/v1/stream", [], RATE))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1/stream", "127.0.0.1", "ws://", "ws://a:b/"])
def test_what_is_no_address_is_called_so(url: str) -> None:
    with pytest.raises(StreamError, match="this is not the address of a stream"):
        list(listen(url, [], RATE))


def test_another_route_is_no_stream(server: Process) -> None:
    with pytest.raises(StreamError, match="there is no stream, the answer is HTTP 403"):
        list(listen(f"ws://127.0.0.1:{server.port}/v1/model", [], RATE))


def test_the_source_is_not_touched_before_the_stream_is_ready(tmp_path: Path, server: Process) -> None:
    touched = tmp_path / "touched"

    def source() -> Iterator[bytes]:
        touched.touch()
        yield b""

    with pytest.raises(StreamError):
        list(listen(url_of(server), source(), 1))
    assert not touched.exists()
