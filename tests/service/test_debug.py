"""/v1/debug against a real process: off unless asked for, true to the engine that serves, bounded, and polite."""

import io
import os
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image

from service.debug.desk import MOST_WAITING
from service.routes.debug import OFF
from tests.contract.sounds import wav
from tests.service.debug.model import BUNDLE
from tests.service.graphs import save_graph
from tests.service.process import WAV, Process, running
from tests.service.scrape import scraped, value
from tests.service.wire import wait_for

RATE = 32_000


@pytest.fixture(scope="module")
def looking() -> Iterator[Process]:
    """A service in which the debug path is on."""
    with running("--bundle", "esc10-resnet", "--debug") as process:
        yield process


def asked(server: Process, body: bytes, query: str = "") -> httpx2.Response:
    return server.client.post(f"/v1/debug/activations{query}", content=body, headers=WAV)


def found(server: Process, body: bytes, query: str = "") -> Any:  # noqa: ANN401
    answer = asked(server, body, query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_is_off_unless_asked_for_and_says_how(server: Process, rooster: bytes) -> None:
    for answer in (server.client.get("/v1/debug/layers"), asked(server, rooster)):
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"
        assert answer.json()["detail"] == OFF


def children(server: Process) -> list[str]:
    """Command lines of the processes that it has started."""
    pid = server.process.pid
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return [Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8") for child in found]


def test_who_answers_never_loads_pytorch_and_nobody_does_before_somebody_looks(rooster: bytes) -> None:
    with running("--bundle", "esc10-resnet", "--debug") as server:
        server.classify(rooster).raise_for_status()
        assert not children(server)
        server.client.get("/v1/debug/layers").raise_for_status()
        assert any("spawn_main" in child for child in children(server))
        maps = Path(f"/proc/{server.process.pid}/maps").read_text(encoding="utf-8")
        assert "libtorch" not in maps


def test_a_process_that_dies_is_replaced(rooster: bytes) -> None:
    with running("--bundle", "esc10-resnet", "--debug") as server:
        server.client.get("/v1/debug/layers").raise_for_status()
        pid = server.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split():
            if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8"):
                os.kill(int(child), signal.SIGKILL)
        answers = [asked(server, rooster, "?layers=head") for _ in range(3)]
        assert {answer.status_code for answer in answers} <= {200, 503}
        assert answers[-1].status_code == 200
        assert server.classify(rooster).status_code == 200


def test_nothing_is_left_of_it_when_the_service_ends(rooster: bytes) -> None:
    with running("--bundle", "esc10-resnet", "--debug") as server:
        found = asked(server, rooster, "?layers=head")
        assert found.status_code == 200
        pid = server.process.pid
        started = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        server.terminate()
        assert server.wait() == 0
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in started))


def test_the_layers_are_listed_with_what_they_give(looking: Process) -> None:
    layers = {one["name"]: one for one in looking.client.get("/v1/debug/layers").raise_for_status().json()}
    assert layers["stem.conv"]["kind"] == "Conv2d"
    assert layers["head"]["shape"] == [10]
    assert layers["layer3.block1.relu"]["shape"][0] > layers["layer1.block1.relu"]["shape"][0]
    assert layers["layer1"]["parameters"] > layers["layer1.block1.conv1"]["parameters"] > 0


def test_it_says_what_the_engine_says_and_how_far_it_is_from_it(looking: Process, rooster: bytes) -> None:
    answer, served = found(looking, rooster), looking.classify(rooster).json()
    assert answer["predictions"][0]["label"] == served["predictions"][0]["label"] == "rooster"
    assert answer["parity"]["same_label"]
    assert 0 < answer["parity"]["max_logit_delta"] < 2  # int8 beside float32
    assert answer["model"] == served["model"]


def test_a_layer_has_its_facts_and_its_liveliest_maps(looking: Process, rooster: bytes) -> None:
    (layer,) = found(looking, rooster, "?layers=layer3.block1.relu&max_channels=3&max_side=8")["layers"]
    assert layer["name"] == "layer3.block1.relu"
    assert len(layer["channels"]) == len(layer["maps"]) == 3
    assert np.shape(layer["maps"]) == (3, *layer["map_shape"])
    assert max(layer["map_shape"]) == 8
    assert layer["statistics"]["min"] == 0
    assert 0 < layer["statistics"]["sparsity"] < 1


def test_the_numbers_of_json_are_those_of_the_npz(looking: Process, rooster: bytes) -> None:
    words = "?layers=stem.relu,head&max_side=1024"
    answer = found(looking, rooster, words)
    with np.load(io.BytesIO(asked(looking, rooster, words + "&format=npz").content), allow_pickle=False) as whole:
        stem, _ = answer["layers"]
        np.testing.assert_allclose(stem["maps"], whole["stem.relu"][stem["channels"]], rtol=0.01, atol=1e-6)
        assert whole["stem.relu"].shape == tuple(stem["shape"])
        assert int(whole["head"].argmax()) == answer["predictions"][0]["index"]
        np.testing.assert_array_equal(whole["head"], whole["logits"])
        assert whole["waveform"].shape == (160_000,)
        assert whole["spectrogram_db"].shape == (len(whole["hertz"]), len(whole["seconds"]))


def test_the_spectrogram_has_true_axes(looking: Process) -> None:
    tone = (8000 * np.sin(2 * np.pi * 2_000 * np.arange(160_000) / RATE)).astype("<i2").tobytes()
    answer = found(looking, wav(tone, sample_rate=RATE), "?layers=head")
    spectrogram = answer["spectrogram"]
    values = np.array(spectrogram["values"])
    assert values.shape == (len(spectrogram["hertz"]), len(spectrogram["seconds"]))
    assert spectrogram["hertz"][values.mean(axis=1).argmax()] == pytest.approx(2_000, rel=0.05)
    assert 0 < spectrogram["seconds"][0] < spectrogram["seconds"][-1] < 5
    assert answer["waveform"]["seconds"] == 5
    assert max(answer["waveform"]["max"]) == pytest.approx(8000 / 32768, rel=0.01)


def test_heat_of_a_class_is_drawn_by_its_label(looking: Process, rooster: bytes) -> None:
    heats = found(looking, rooster, "?layers=head&top_k=3")["heat"]
    assert heats[0]["label"] == "rooster"
    assert len(heats) == 3
    (rain,) = found(looking, rooster, "?layers=head&heat=rain")["heat"]
    assert rain["label"] == "rain"
    assert heats[0]["moment_s"] is None or 0 <= heats[0]["moment_s"] <= 5


def test_a_contact_sheet_is_a_picture(looking: Process, rooster: bytes) -> None:
    answer = asked(looking, rooster, "?format=png&layers=layer*.block*.relu&max_channels=16")
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.width == 1200
        assert picture.height > 800
        assert len(picture.getcolors(2**24) or []) > 100


def test_a_window_of_long_audio_can_be_chosen(looking: Process, rooster: bytes) -> None:
    long = wav(bytes(2 * 160_000) + rooster[44:], sample_rate=RATE)
    first, second = (found(looking, long, f"?layers=head&window={place}") for place in (0, 1))
    assert first["window"] == {"start_s": 0, "end_s": 5}
    assert second["window"]["start_s"] == 5
    assert second["predictions"][0]["label"] == "rooster"
    assert max(first["waveform"]["max"]) == 0
    late = asked(looking, long, "?window=2")
    assert (late.status_code, late.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("?layers=layer9.*", 400, "none is called"),
        ("?layers=" + "*" * 3000, 400, "no pattern"),
        ("?layers=", 400, "layers"),
        ("?layers=%00%ff", 400, "no pattern"),
        ("?layers=*&max_channels=4096&max_side=1024", 413, "numbers"),
        ("?layers=*&max_channels=4096&format=png", 413, "pixels"),
        ("?max_channels=0", 400, "max_channels"),
        ("?max_side=1e9", 400, "max_side"),
        ("?heat=unicorn", 400, "unicorn"),
        ("?format=exe", 400, "format"),
        ("?layer=head", 400, "layer"),
        ("?window=-1", 400, "window"),
    ],
)
def test_wrong_questions_get_a_sentence(
    looking: Process, rooster: bytes, query: str, status: int, words: str
) -> None:
    answer = asked(looking, rooster, query)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]


def test_no_sound_is_no_sound_here_either(looking: Process) -> None:
    assert asked(looking, b"").json()["code"] == "empty_body"
    assert asked(looking, b"no sound at all").json()["code"] == "undecodable_audio"


def test_all_layers_of_a_clip_take_no_longer_than_is_promised(looking: Process, rooster: bytes) -> None:
    found(looking, rooster, "?layers=*")
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        content = asked(looking, rooster, "?layers=*").content
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1.5
    assert len(content) < 4 * 2**20


def test_few_may_wait_and_the_rest_is_told_so_while_answers_go_on(looking: Process, rooster: bytes) -> None:
    with ThreadPoolExecutor(24) as pool:
        curious = [pool.submit(asked, looking, rooster, "?layers=*") for _ in range(20)]
        assert looking.classify(rooster).status_code == 200
        statuses = [one.result().status_code for one in curious]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= MOST_WAITING


def test_who_finds_the_desk_full_costs_the_engine_nothing(looking: Process, rooster: bytes) -> None:
    before = value(scraped(looking), "earshot_batch_size_count")
    with ThreadPoolExecutor(24) as pool:
        statuses = [one.status_code for one in pool.map(lambda _: asked(looking, rooster, "?layers=*"), range(24))]
    after = value(scraped(looking), "earshot_batch_size_count")
    assert 429 in statuses
    assert after - before <= statuses.count(200)


def test_who_leaves_does_not_leave_work_behind_that_nobody_counts(looking: Process, rooster: bytes) -> None:
    hurried = [asked(looking, rooster, "?layers=*&timeout_ms=30").status_code for _ in range(30)]
    assert set(hurried) <= {200, 429, 504}
    assert asked(looking, rooster, "?layers=head").status_code == 200


def test_weights_that_were_changed_under_it_are_not_looked_into(tmp_path: Path, rooster: bytes) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(BUNDLE, bundle)
    with running("--bundle", str(bundle), "--debug") as server:
        (bundle / "weights.safetensors").write_bytes(b"something else")
        answer = asked(server, rooster)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "reload" in answer.json()["detail"]


def test_a_bare_graph_has_nothing_to_look_into(tmp_path: Path, rooster: bytes) -> None:
    graph = save_graph(tmp_path / "bare.onnx")
    with running("--model", str(graph), "--sample-rate", str(RATE), "--debug") as server:
        answer = asked(server, rooster)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "bundle" in answer.json()["detail"]


@pytest.mark.parametrize(("library", "query"), [("torch", ""), ("PIL", "?format=png")])
def test_without_a_library_it_says_what_to_install_and_the_rest_works(
    library: str, query: str, tmp_path: Path, rooster: bytes
) -> None:
    (tmp_path / f"{library}.py").write_text(f"raise ModuleNotFoundError('none', name='{library}')\n")
    with running("--bundle", "esc10-resnet", "--debug", env={"PYTHONPATH": str(tmp_path)}) as server:
        answer = asked(server, rooster, query)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "pip install -e '.[debug]'" in answer.json()["detail"]
        assert server.classify(rooster).status_code == 200
