"""POST /v1/classify against a real process: real clips, the three kinds of bodies, and what may be asked for."""

import base64
from pathlib import Path

import pytest

from tests.service.process import Process


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
