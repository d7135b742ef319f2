"""The graphs that are served: of the size that is said, made once, with answers that can be told apart."""

import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from benchmarks.clips import RATE, wav_bodies
from benchmarks.peers.graphs import CLASSES, GRAPHS, SAMPLES, made
from contract.audio import decode


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path))
    return tmp_path


def operations(file: Path) -> int:
    """Of all convolutions, twice their multiplications: what makes up nearly all of it."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(file), data_prop=True).graph
    weights = {constant.name: list(constant.dims) for constant in graph.initializer}
    shapes = {value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in graph.value_info}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    pairs = [(weights[node.input[1]], shapes[node.output[0]][2:]) for node in convolutions]
    return sum(2 * math.prod(weight) * math.prod(places) for weight, places in pairs)


@pytest.mark.parametrize(("name", "expected"), [("small", 3.27e9), ("tiny", 0.052e9)])
def test_a_graph_has_its_size_and_tells_clips_apart(cache: Path, name: str, expected: float) -> None:
    file = made(name)
    assert operations(file) == pytest.approx(expected, rel=0.02)
    session = onnxruntime.InferenceSession(file)
    sounds = np.stack([decode(body, RATE) for body in wav_bodies()])
    assert sounds.shape[1] == SAMPLES
    (logits,) = session.run(None, {"waveform": sounds})
    assert logits.shape == (len(sounds), CLASSES)
    assert len(set(logits.argmax(1).tolist())) >= len(sounds) / 2
    assert [path.parent for path in cache.rglob("*.onnx")] == [cache / "peers"]


@pytest.mark.usefixtures("cache")
def test_a_graph_is_made_once_and_is_the_same_each_time() -> None:
    file = made("tiny")
    first, when = file.read_bytes(), file.stat().st_mtime_ns
    assert made("tiny") == file
    assert file.stat().st_mtime_ns == when
    file.unlink()
    assert made("tiny").read_bytes() == first


def test_there_are_two() -> None:
    assert set(GRAPHS) == {"small", "tiny"}
