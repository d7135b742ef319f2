"""What is served: the facts of a bundle, or of a bare ONNX file and what its owner says of it."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH, REFERENCE, Bundle, fingerprint, open_bundle
from contract.errors import EarshotError
from contract.manifest import Manifest
from contract.reference import Reference, load_reference

GRAPH_OF = {"int8": INT8_GRAPH, "float32": FLOAT_GRAPH, "float16": HALF_GRAPH}
"""By precision; the front end is float32 in each."""

DEFAULT_WINDOW_S = 5.0
"""Of a bare graph that leaves its input's length open: the length of ESC-50's clips."""


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
    samples, classes = _shapes(path)
    if samples is None:
        samples = round((window_s or DEFAULT_WINDOW_S) * sample_rate)
    elif window_s is not None and round(window_s * sample_rate) != samples:
        raise ModelError(f"{path}: the graph hears {samples} samples at once, not {window_s:g} s at {sample_rate} Hz")
    return ServedModel(
        name=path.stem,
        version="0",
        labels=_fitting(path, labels, classes),
        sample_rate=sample_rate,
        window_samples=samples,
        temperature=1.0,
        graphs=(Graph(path, "float32", fingerprint(path).sha256),),
    )


def read_labels(words: str) -> tuple[str, ...]:
    """Names with commas between them, or a file of them: one per line, or a JSON list."""
    path = Path(words)
    if not path.is_file():
        return tuple(word.strip() for word in words.split(",") if word.strip())
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        try:
            return tuple(map(str, json.loads(text)))
        except ValueError as error:
            raise ModelError(f"{path}: it begins like a JSON list of labels but is none") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _shapes(path: Path) -> tuple[int | None, int | None]:
    """Samples heard at once and number of classes, as far as the graph fixes them."""
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library's errors have no common ancestor
        raise ModelError(f"{path}: ONNX Runtime cannot load it: {error}") from error
    inputs, first = session.get_inputs(), session.get_outputs()[0]
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2 or len(first.shape) != 2:
        raise ModelError(f"{path}: a graph that takes float waveforms [batch, samples] and gives scores is wanted")
    samples, classes = inputs[0].shape[1], first.shape[1]
    return (samples if isinstance(samples, int) else None, classes if isinstance(classes, int) else None)


def _fitting(path: Path, labels: tuple[str, ...], classes: int | None) -> tuple[str, ...]:
    if not labels and classes is None:
        raise ModelError(f"{path}: the graph does not say how many classes it has: add --labels")
    if not labels and classes is not None:
        digits = len(str(classes - 1))
        return tuple(f"class_{i:0{digits}d}" for i in range(classes))
    if classes is not None and len(labels) != classes:
        raise ModelError(f"{path}: {len(labels)} labels for {classes} classes")
    return labels
