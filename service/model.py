"""What is served: the facts of a bundle, or of a bare ONNX file and what its owner says of it."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH, OUTPUTS, REFERENCE, Bundle, fingerprint, open_bundle
from contract.errors import EarshotError
from contract.manifest import Manifest
from contract.reference import Reference, load_reference

GRAPH_OF = {"int8": INT8_GRAPH, "float32": FLOAT_GRAPH, "float16": HALF_GRAPH}
"""By precision; the front end is float32 in each."""

DEFAULT_WINDOW_S = 5.0
"""Of a bare graph that leaves its input's length open: the length of ESC-50's clips."""


_FILES = (".txt", ".json", ".csv")
"""What ends so was meant as a file of labels."""


class ModelError(EarshotError):
    """A model cannot be served as asked; the message says what to add."""


@dataclass(frozen=True)
class Graph:
    """One file that an engine can run."""

    path: Path
    precision: str
    sha256: str


@dataclass(frozen=True, eq=False)
class ServedModel:
    """All that the service must know of a model but how to run it."""

    name: str
    version: str
    labels: tuple[str, ...]
    sample_rate: int
    window_samples: int
    temperature: float
    graphs: tuple[Graph, ...]
    reject_below: float | None = None
    """None where nobody measured it: then no answer is called uncertain."""
    novelty_threshold: float | None = None
    reference: Reference | None = None
    bundle: Bundle | None = None

    @cached_property
    def index_of(self) -> dict[str, int]:
        """By label."""
        return {label: index for index, label in enumerate(self.labels)}

    @property
    def manifest(self) -> Manifest | None:
        """What the bundle says of itself."""
        return self.bundle.manifest if self.bundle else None

    @property
    def window_s(self) -> float:
        """Seconds that the model hears at once."""
        return self.window_samples / self.sample_rate

    def graph(self, precision: str) -> Graph | None:
        """The file in this precision, if there is one."""
        return next((graph for graph in self.graphs if graph.precision == precision), None)


def from_bundle(folder: Path) -> ServedModel:
    """Every file is checked against the manifest first."""
    bundle = open_bundle(folder)
    manifest = bundle.manifest
    return ServedModel(
        name=manifest.name,
        version=manifest.version,
        labels=manifest.labels,
        sample_rate=manifest.audio.sample_rate,
        window_samples=manifest.audio.window_samples,
        temperature=manifest.calibration.temperature,
        graphs=tuple(
            Graph(bundle.path(name), precision, manifest.files[name].sha256)
            for precision, name in GRAPH_OF.items()
            if name in manifest.files
        ),
        reject_below=manifest.calibration.reject_below,
        novelty_threshold=manifest.novelty.threshold,
        reference=load_reference(bundle.path(REFERENCE)),
        bundle=bundle,
    )


def from_onnx(
    path: Path, sample_rate: int | None, labels: tuple[str, ...] = (), window_s: float | None = None
) -> ServedModel:
    """A graph that takes waveforms [B, N] and gives scores [B, classes]; what it does not say must be said."""
    if not path.is_file():
        raise ModelError(f"{path}: no such ONNX file")
    if sample_rate is None:
        raise ModelError(f"{path}: say what the graph hears, as in --sample-rate 44100")
    graph = _opened(path)
    samples = _samples(path, graph, sample_rate, window_s)
    return ServedModel(
        name=path.stem,
        version="0",
        labels=_fitting(path, labels, _classes(path, graph, samples)),
        sample_rate=sample_rate,
        window_samples=samples,
        temperature=1.0,
        graphs=(Graph(path, "float32", fingerprint(path).sha256),),
    )


def read_labels(words: str) -> tuple[str, ...]:
    """Names with commas between them, or a file of them: one per line, or a JSON list."""
    text = _text_of(words)
    if text is None:
        found = [word.strip() for word in words.split(",")]
    elif text.lstrip().startswith("["):
        found = _from_json(words, text)
    else:
        found = [line.strip() for line in text.splitlines()]
    labels = tuple(filter(None, found))
    if not labels:
        raise ModelError(f"{words}: there are no labels in it")
    if len(set(labels)) < len(labels):
        twice = next(label for i, label in enumerate(labels) if label in labels[:i])
        raise ModelError(f"the label {twice} is there more than once")
    return labels


def _text_of(words: str) -> str | None:
    """What stands in the file of this name; None where it is the name of none, but labels themselves."""
    try:
        return Path(words).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"{words}: this is no text in UTF-8, so there are no labels in it") from error
    except OSError as error:
        if words.endswith(_FILES):
            raise ModelError(f"{words}: the labels cannot be read: {error.strerror}") from error
        return None


def _from_json(name: str, text: str) -> list[str]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name}: it begins like a JSON list of labels but is none") from error
    if not all(isinstance(label, str) for label in content):
        raise ModelError(f"{name}: its JSON list holds more than labels in quotes")
    return list(content)


def _opened(path: Path) -> Any:  # noqa: ANN401  (onnxruntime has no types)
    import onnxruntime

    try:
        graph = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library's errors have no common ancestor
        raise ModelError(f"{path}: ONNX Runtime cannot load it: {error}") from error
    inputs, scores = graph.get_inputs(), _scores(graph)
    if len(inputs) != 1 or not (_is_matrix(inputs[0]) and _is_matrix(scores)):
        raise ModelError(f"{path}: a graph that takes float waveforms [batch, samples] and gives scores is wanted")
    return graph


def _is_matrix(value: Any) -> bool:  # noqa: ANN401
    return value.type == "tensor(float)" and len(value.shape) == len(("batch", "samples or classes"))


def _scores(graph: Any) -> Any:  # noqa: ANN401
    """The output of this name, or the first: as the engines take it."""
    outputs = graph.get_outputs()
    return next((output for output in outputs if output.name == OUTPUTS[0]), outputs[0])


def _samples(path: Path, graph: Any, sample_rate: int, window_s: float | None) -> int:  # noqa: ANN401
    """How many are heard at once."""
    fixed = graph.get_inputs()[0].shape[1]
    asked = round((window_s or DEFAULT_WINDOW_S) * sample_rate)
    if not isinstance(fixed, int):
        return max(1, asked)
    if window_s is not None and asked != fixed:
        raise ModelError(f"{path}: the graph hears {fixed} samples at once, not {window_s:g} s at {sample_rate} Hz")
    return fixed


def _classes(path: Path, graph: Any, samples: int) -> int:  # noqa: ANN401
    """How many scores there are: tried out, since a graph may leave it open, and may not run at all."""
    try:
        (scores,) = graph.run([_scores(graph).name], {graph.get_inputs()[0].name: np.zeros((1, samples), np.float32)})
    except Exception as error:  # the library's errors have no common ancestor
        raise ModelError(f"{path}: the graph cannot name one window of {samples} samples: {error}") from error
    return int(scores.shape[1])


def _fitting(path: Path, labels: tuple[str, ...], classes: int) -> tuple[str, ...]:
    if not labels:
        digits = len(str(classes - 1))
        return tuple(f"class_{i:0{digits}d}" for i in range(classes))
    if len(labels) != classes:
        raise ModelError(f"{path}: {len(labels)} labels for {classes} classes")
    return labels
