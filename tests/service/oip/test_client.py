"""Triton's own HTTP client against a real process: everything that it can ask for here, unchanged."""

import math
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException

from contract.audio import decode
from contract.bundle import find_bundle, open_bundle
from tests.service.process import Process, running

MODEL = "esc10-resnet"
VERSION = open_bundle(find_bundle(MODEL)).manifest.version
RATE, WINDOW, CLASSES = 32_000, 160_000, 10
NEAR = 1e-4
"""A score may differ by so much from one batch size to another."""


@pytest.fixture(scope="module")
def client(server: Process) -> Iterator[InferenceServerClient]:
    client = InferenceServerClient(f"127.0.0.1:{server.port}", concurrency=8, network_timeout=30)
    yield client
    client.close()


@pytest.fixture(scope="module")
def waves(rooster: bytes) -> NDArray[np.float32]:
    """A rooster, and noise."""
    noise = np.random.default_rng(0).normal(0, 0.1, WINDOW)
    return np.stack([decode(rooster, RATE), noise]).astype(np.float32)


def waveform(rows: NDArray[np.float32], *, binary: bool = True) -> list[InferInput]:
    return [InferInput("waveform", list(rows.shape), "FP32").set_data_from_numpy(rows, binary_data=binary)]


def audio(*files: bytes) -> list[InferInput]:
    return [InferInput("audio", [len(files)], "BYTES").set_data_from_numpy(np.array(files, object))]


def lasting(sound: bytes, times: float) -> bytes:
    """A WAV of another length: its beginning, or the whole again and again."""
    with wave.open(BytesIO(sound)) as source:
        frames, parameters = source.readframes(source.getnframes()), source.getparams()
    made = BytesIO()
    with wave.open(made, "wb") as target:
        target.setparams(parameters)
        target.writeframes((frames * math.ceil(times))[: 2 * round(times * parameters.nframes)])
    return made.getvalue()


def sentence(action: Any, *arguments: Any, **more: Any) -> str:  # noqa: ANN401  (whatever the client has)
    with pytest.raises(InferenceServerException) as caught:
        action(*arguments, **more)
    return str(caught.value)


def test_the_server_and_its_model_are_live_and_ready(client: InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, VERSION)


def test_another_model_or_version_is_not_ready(client: InferenceServerClient) -> None:
    assert not client.is_model_ready("resnet50")
    assert not client.is_model_ready(MODEL, "2")


def test_the_server_tells_its_extensions(client: InferenceServerClient) -> None:
    told = client.get_server_metadata()
    assert told["name"] == "earshot"
    assert "binary_tensor_data" in told["extensions"]


def test_the_metadata_are_true(client: InferenceServerClient, server: Process, waves: NDArray[np.float32]) -> None:
    told, facts = client.get_model_metadata(MODEL), server.client.get("/v1/model").json()
    assert (told["name"], told["versions"]) == (facts["name"], [facts["version"]])
    first = told["inputs"][0]
    assert (first["name"], first["shape"]) == ("waveform", [-1, facts["audio"]["window_samples"]])
    assert first["parameters"]["sample_rate"] == facts["audio"]["sample_rate"]
    result = client.infer(MODEL, waveform(waves))
    for output in told["outputs"]:
        assert result.as_numpy(output["name"]).shape == (2, output["shape"][1])
        assert result.get_output(output["name"])["datatype"] == output["datatype"]


def test_the_configuration_agrees_with_the_metadata(client: InferenceServerClient) -> None:
    config, told = client.get_model_config(MODEL), client.get_model_metadata(MODEL)
    assert [tensor["name"] for tensor in config["input"]] == [tensor["name"] for tensor in told["inputs"]]
    assert [tensor["dims"] for tensor in config["output"]] == [tensor["shape"][1:] for tensor in told["outputs"]]


def test_the_index_names_the_model(client: InferenceServerClient) -> None:
    assert client.get_model_repository_index() == [
        {"name": MODEL, "version": VERSION, "state": "READY", "reason": ""}
    ]


def test_json_and_binary_say_the_same(client: InferenceServerClient, waves: NDArray[np.float32]) -> None:
    names = ("logits", "embedding", "probabilities")
    plain = [InferRequestedOutput(name, binary_data=False) for name in names]
    results = [
        client.infer(MODEL, waveform(waves, binary=binary), outputs=outputs)
        for binary in (True, False)
        for outputs in (None, plain)
    ]
    for name in names:
        for result in results[1:]:
            np.testing.assert_allclose(result.as_numpy(name), results[0].as_numpy(name), rtol=0, atol=NEAR)


def test_outputs_come_in_the_order_and_form_that_was_asked_for(
    client: InferenceServerClient, waves: NDArray[np.float32]
) -> None:
    asked = [InferRequestedOutput("probabilities", class_count=2), InferRequestedOutput("logits", binary_data=False)]
    result = client.infer(MODEL, waveform(waves[:1]), outputs=asked, request_id="42")
    response = result.get_response()
    assert response["id"] == "42"
    assert [output["name"] for output in response["outputs"]] == ["probabilities", "logits"]
    best = result.as_numpy("probabilities")[0, 0].decode().split(":")
    assert (float(best[0]) > 0.9, best[2]) == (True, "rooster")


def test_a_row_says_the_same_alone_and_in_company(client: InferenceServerClient, waves: NDArray[np.float32]) -> None:
    together = client.infer(MODEL, waveform(waves)).as_numpy("logits")
    alone = [client.infer(MODEL, waveform(waves[i : i + 1])).as_numpy("logits")[0] for i in (0, 1)]
    np.testing.assert_allclose(together, alone, rtol=0, atol=NEAR)


def test_files_say_what_classify_says(
    client: InferenceServerClient, server: Process, rooster: bytes, esc10_mini: Path
) -> None:
    ogg = min((esc10_mini / "audio").glob("*.ogg")).read_bytes()
    files = [rooster, ogg, lasting(rooster, 0.4), lasting(rooster, 2.6)]
    shares = client.infer(MODEL, audio(*files)).as_numpy("probabilities")
    for file, row in zip(files, shares, strict=True):
        answer = server.classify(file, "?top_k=10").json()
        said = sorted(answer["predictions"], key=lambda one: one["index"])
        np.testing.assert_allclose(row, [one["confidence"] for one in said], rtol=0, atol=NEAR)


def test_the_samples_of_a_file_say_what_the_file_says(
    client: InferenceServerClient, waves: NDArray[np.float32], rooster: bytes
) -> None:
    of_samples, of_file = client.infer(MODEL, waveform(waves[:1])), client.infer(MODEL, audio(rooster))
    for name in ("logits", "embedding"):
        np.testing.assert_allclose(of_samples.as_numpy(name), of_file.as_numpy(name), rtol=0, atol=NEAR)


def test_many_requests_at_once_each_get_their_own_answer(client: InferenceServerClient) -> None:
    levels = np.geomspace(1e-3, 0.5, 24)[:, None]
    rows = (np.random.default_rng(1).normal(0, 1, (24, WINDOW)) * levels).astype(np.float32)
    pending = [client.async_infer(MODEL, waveform(rows[i : i + 1]), request_id=str(i)) for i in range(len(rows))]
    results: list[InferResult] = [one.get_result() for one in pending]
    assert [result.get_response()["id"] for result in results] == [str(i) for i in range(len(rows))]
    alone = client.infer(MODEL, waveform(rows)).as_numpy("logits")
    np.testing.assert_allclose(np.concatenate([r.as_numpy("logits") for r in results]), alone, rtol=0, atol=NEAR)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_a_packed_request_is_understood(
    client: InferenceServerClient, waves: NDArray[np.float32], algorithm: str
) -> None:
    packed = client.infer(MODEL, waveform(waves), request_compression_algorithm=algorithm)
    plain = client.infer(MODEL, waveform(waves))
    np.testing.assert_allclose(packed.as_numpy("logits"), plain.as_numpy("logits"), rtol=0, atol=NEAR)


def test_what_answered_and_how_long_it_took_is_told(
    client: InferenceServerClient, server: Process, rooster: bytes
) -> None:
    told = client.infer(MODEL, audio(rooster)).get_response()
    facts = server.client.get("/v1/model").json()
    assert (told["model_name"], told["model_version"]) == (facts["name"], facts["version"])
    assert told["parameters"]["sha256"] == facts["engine"]["sha256"]
    assert told["parameters"]["engine_ms"] > 0
    assert told["parameters"]["decode_ms"] > 0


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (np.zeros((1, WINDOW - 1), np.float32), "[400] waveform: a shape of [B, 160000] is wanted"),
        (np.zeros((WINDOW,), np.float32), "[400] waveform: a shape of [B, 160000] is wanted"),
        (np.full((1, WINDOW), np.nan, np.float32), "[400] waveform: it holds NaN"),
        (np.full((1, WINDOW), np.inf, np.float32), "[400] waveform: it holds NaN"),
    ],
    ids=["too short", "no batch", "NaN", "infinite"],
)
@pytest.mark.parametrize("binary", [True, False])
def test_wrong_samples_raise_our_sentence(
    client: InferenceServerClient, rows: NDArray[np.float32], wanted: str, *, binary: bool
) -> None:
    assert sentence(client.infer, MODEL, waveform(rows, binary=binary)).startswith(wanted)


def test_a_file_that_is_no_sound_raises_our_sentence(client: InferenceServerClient, rooster: bytes) -> None:
    assert sentence(client.infer, MODEL, audio(rooster, b"<html>")).startswith("[422] audio[1]: This is not audio")
    assert sentence(client.infer, MODEL, audio(b"")).startswith("[400] audio[0]: There is no audio")


def test_text_as_audio_raises_our_sentence(client: InferenceServerClient) -> None:
    text = InferInput("audio", [1], "BYTES").set_data_from_numpy(
        np.array([b"rooster.wav"], object), binary_data=False
    )
    assert "base64" in sentence(client.infer, MODEL, [text])


def test_what_is_not_here_raises_our_sentence(client: InferenceServerClient, waves: NDArray[np.float32]) -> None:
    assert sentence(client.infer, "resnet50", waveform(waves)) == (
        "[404] There is no model resnet50 here; esc10-resnet is served."
    )
    assert sentence(client.get_model_metadata, MODEL, "7").startswith("[404] There is no version 7")
    assert sentence(client.get_inference_statistics, MODEL).startswith("[404]")
    assert sentence(client.unload_model, MODEL).startswith("[404]")
    unknown = [InferRequestedOutput("scores")]
    assert sentence(client.infer, MODEL, waveform(waves), outputs=unknown).startswith(
        "[400] scores: the model has no"
    )


def test_a_timeout_that_cannot_be_kept_is_refused(client: InferenceServerClient, waves: NDArray[np.float32]) -> None:
    assert sentence(client.infer, MODEL, waveform(waves), timeout=1).startswith(
        "[504] The tensors did not come before"
    )
    assert "deadline" in sentence(client.infer, MODEL, waveform(waves), query_params={"timeout_ms": 1})


def test_a_timeout_that_can_be_kept_is(client: InferenceServerClient, waves: NDArray[np.float32]) -> None:
    assert client.infer(MODEL, waveform(waves), timeout=20_000_000).as_numpy("logits").shape == (2, CLASSES)


def test_health_is_open_and_the_rest_wants_the_key(waves: NDArray[np.float32]) -> None:
    key = {"Authorization": "Bearer open-sesame"}
    with running("--bundle", MODEL, env={"EARSHOT_API_KEYS": "open-sesame"}) as locked:
        client = InferenceServerClient(f"127.0.0.1:{locked.port}", network_timeout=30)
        assert client.is_server_live()
        assert client.is_server_ready()
        assert not client.is_model_ready(MODEL)
        assert sentence(client.infer, MODEL, waveform(waves)).startswith("[401] Send an API key")
        assert client.is_model_ready(MODEL, headers=key)
        assert client.infer(MODEL, waveform(waves), headers=key).as_numpy("logits").shape == (2, CLASSES)
        client.close()
