"""POST /v1/classify against a real process: real clips, the three kinds of bodies, and what may be asked for."""

import base64
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.contract.sounds import wav
from tests.service.graphs import save_graph
from tests.service.process import WAV, Process, running
from tests.service.wire import post, wire

RATE = 32_000
"""The model's own."""


def test_a_rooster_is_a_rooster(server: Process, rooster: bytes) -> None:
    answer = server.classify(rooster)
    assert answer.status_code == 200
    assert answer.json()["predictions"][0]["label"] == "rooster"
    assert answer.json()["predictions"][0]["confidence"] > 0.9


def test_the_three_kinds_of_bodies_get_the_same_answer(server: Process, rooster: bytes) -> None:
    raw = server.classify(rooster)
    form = server.client.post("/v1/classify", files={"file": ("a.wav", rooster)})
    in_json = server.client.post("/v1/classify", json={"audio": base64.b64encode(rooster).decode()})
    answers = [answer.json() for answer in (raw, form, in_json)]
    for answer in answers:
        del answer["timings"], answer["request_id"]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("clip", ["1-100032-A-0.ogg", "1-17367-A-10.ogg"])
def test_real_clips_of_other_formats_are_heard(server: Process, esc10_mini: Path, clip: str) -> None:
    paths = sorted((esc10_mini / "audio").glob(f"*-{clip.rpartition('-')[2]}"))
    answer = server.classify(paths[0].read_bytes(), headers={"content-type": "audio/ogg"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["audio"]["format"] == "Ogg"


def test_as_many_labels_are_told_as_were_asked_for(server: Process, rooster: bytes) -> None:
    labels = [one["label"] for one in server.classify(rooster, "?top_k=10").json()["predictions"]]
    assert sorted(labels) == sorted(server.client.get("/v1/model").json()["labels"])
    assert [one["label"] for one in server.classify(rooster, "?top_k=3").json()["predictions"]] == labels[:3]
    assert len(server.classify(rooster, "?top_k=1000").json()["predictions"]) == 10


def test_a_choice_of_labels_does_not_change_their_confidences(server: Process, rooster: bytes) -> None:
    among_all = {one["label"]: one for one in server.classify(rooster, "?top_k=10").json()["predictions"]}
    chosen = server.classify(rooster, "?labels=rain, dog,rain").json()["predictions"]
    assert chosen == [among_all["dog"], among_all["rain"]]


def test_long_audio_has_a_timeline_and_the_answer_is_its_mean(server: Process, rooster: bytes) -> None:
    sound = wav(rooster[44:] + bytes(5 * 2 * RATE) + rooster[44:], sample_rate=RATE)
    answer = server.classify(sound, "?top_k=10").json()
    timeline = answer["timeline"]
    assert [(one["start_s"], one["end_s"]) for one in timeline] == [(0, 5), (5, 10), (10, 15)]
    assert [timeline[i]["predictions"][0]["label"] for i in (0, 2)] == ["rooster", "rooster"]
    assert timeline[1]["predictions"][0]["confidence"] < 0.9
    shares = [
        one["confidence"] for stretch in timeline for one in stretch["predictions"] if one["label"] == "rooster"
    ]
    mean = next(one["confidence"] for one in answer["predictions"] if one["label"] == "rooster")
    assert mean == pytest.approx(sum(shares) / 3, abs=1e-5)
    assert (answer["audio"]["duration_s"], answer["audio"]["windows"]) == (15, 3)


def test_a_hop_makes_the_windows_overlap(server: Process, rooster: bytes) -> None:
    sound = wav(rooster[44:] * 2, sample_rate=RATE)
    timeline = server.classify(sound, "?hop_s=2").json()["timeline"]
    assert [one["start_s"] for one in timeline] == [0, 2, 4, 5]


def test_a_short_sound_is_heard_as_if_silence_followed(server: Process, rooster: bytes) -> None:
    short = server.classify(wav(rooster[44 : 44 + 2 * RATE], sample_rate=RATE)).json()
    padded = server.classify(wav(rooster[44 : 44 + 2 * RATE] + bytes(4 * 2 * RATE), sample_rate=RATE)).json()
    assert short["predictions"] == padded["predictions"]
    assert short["audio"]["duration_s"] == 1


def test_two_channels_are_heard_as_their_mean(server: Process, rooster: bytes) -> None:
    samples = np.frombuffer(rooster[44:], "<i2")
    stereo = np.stack([samples, samples], axis=1).tobytes()
    mono, both = server.classify(rooster).json(), server.classify(wav(stereo, channels=2, sample_rate=RATE)).json()
    assert both["audio"]["channels"] == 2
    for one, other in zip(mono["predictions"], both["predictions"], strict=True):
        assert one["confidence"] == pytest.approx(other["confidence"], abs=1e-4)


def test_the_same_sound_gets_the_same_answer_in_company(server: Process, rooster: bytes) -> None:
    alone = server.classify(rooster).json()["predictions"]
    with ThreadPoolExecutor(8) as pool:
        answers = [answer.json() for answer in pool.map(server.classify, [rooster] * 64)]
    assert max(answer["timings"]["batch_size"] for answer in answers) > 1
    for answer in answers:
        for one, other in zip(alone, answer["predictions"], strict=True):
            assert one == {**other, "confidence": pytest.approx(other["confidence"], abs=1e-3)}


def test_the_headers_tell_what_the_answer_tells(server: Process, rooster: bytes) -> None:
    answer = server.classify(rooster, headers=WAV | {"x-request-id": "mine"})
    told, headers = answer.json(), answer.headers
    assert told["request_id"] == headers["x-request-id"] == "mine"
    stages = dict(re.findall(r"(\w+);dur=([\d.]+)", headers["server-timing"]))
    assert {f"{name}_ms": float(took) for name, took in stages.items()} == {
        name: told["timings"][name] for name in ("decode_ms", "queue_ms", "engine_ms")
    }
    assert headers["x-earshot-batch-size"] == str(told["timings"]["batch_size"])
    assert headers["x-earshot-model"] == "{name} {version} sha256:{sha256:.16}".format(**told["model"])
    assert headers["x-earshot-model"].startswith("esc10-resnet ")
    assert headers["x-earshot-engine"] == "onnx int8"


def test_a_deadline_that_cannot_be_kept_is_refused_at_once(server: Process, rooster: bytes) -> None:
    answer = server.classify(rooster, "?timeout_ms=1")
    assert (answer.status_code, answer.json()["code"]) in {(429, "overloaded"), (504, "deadline_exceeded")}


def test_a_sound_that_comes_after_its_deadline_is_told_so(server: Process, rooster: bytes) -> None:
    with wire(server.port) as line:
        line.send(post(rooster[:1000], "/v1/classify?timeout_ms=200", content_length=len(rooster)))
        time.sleep(0.3)
        line.send(rooster[1000:])
        answer = line.answer()
    assert (answer.status, answer.code) == (504, "deadline_exceeded")


def test_a_bare_graph_is_served_whatever_it_is_called(tmp_path: Path) -> None:
    path = save_graph(tmp_path / "m\xf6we 模型.onnx", samples=8_000)
    with running("--model", str(path), "--sample-rate", "8000", "--labels", "gull, tern, skua") as server:
        answer = server.classify(wav(bytes(2 * 8_000), sample_rate=8_000))
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["model"]["name"] == "m\xf6we 模型"
        assert answer.headers["x-earshot-model"].startswith("m%C3%B6we %E6%A8%A1%E5%9E%8B 0 sha256:")
        assert sorted(one["label"] for one in told["predictions"]) == ["gull", "skua", "tern"]
        assert (told["uncertain"], told["novelty"]) == (None, None)
        assert server.client.get("/v1/model").json()["accuracy"] is None
        assert server.client.get("/metrics").status_code == 200
