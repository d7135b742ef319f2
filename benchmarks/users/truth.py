"""What the answers of a load test must be: named by the very graph that the service runs, but here and undisturbed.

Where that graph is not to be had here, the service itself is asked before the load begins. Then a load shows whether
answers stay the same, not whether they were right.
"""

import json
from importlib.util import find_spec
from typing import Any, NamedTuple

from benchmarks.users.host import Host, detail_of
from benchmarks.users.sounds import Label, Oracle
from contract.audio import decode
from contract.bundle import find_bundle
from contract.errors import EarshotError
from service.engines.onnx import OnnxEngine, OnnxSession
from service.judge import Judge
from service.model import Graph, ServedModel, from_bundle
from service.windows import cut, lay, windows_of

CLOSE = 0.1
"""Confidence between the first label and the second: with less, another batch, engine or processor may turn them."""


class Truth(NamedTuple):
    """An oracle, and how it knows."""

    oracle: Oracle
    source: str


def truth_for(host: Host, facts: dict[str, Any]) -> Truth:
    """By the graph that the service says it runs, or by its own words."""
    found = _graph_here(facts)
    if found is None:
        return Truth(lambda file: _asked(host, file), f"{host.url}, asked before the load")
    model, graph = found
    engine = _engine(model, graph)
    judge = Judge(model)
    return Truth(lambda file: _named(engine, judge, model, file), f"{graph.path.parent.name}/{graph.path.name}")


def settled(first: tuple[str, float], second: tuple[str, float] | None) -> Label:
    """The first label, unless the second is close behind."""
    return None if second is not None and first[1] - second[1] < CLOSE else first[0]


def _graph_here(facts: dict[str, Any]) -> tuple[ServedModel, Graph] | None:
    """The same file by its checksum, and something to run it with."""
    if find_spec("onnxruntime") is None:
        return None
    try:
        model = from_bundle(find_bundle(facts["name"]))
    except EarshotError:
        return None
    sha256 = facts["engine"]["sha256"]
    return next(((model, graph) for graph in model.graphs if graph.sha256 == sha256), None)


def _engine(model: ServedModel, graph: Graph) -> OnnxEngine:
    engine = OnnxEngine(OnnxSession(graph), 1, model.window_samples)
    engine.load()
    return engine


def _named(engine: OnnxEngine, judge: Judge, model: ServedModel, file: bytes) -> Label:
    """As the service does it, one window at a time."""
    waveform = decode(file, model.sample_rate)
    windows = windows_of(waveform.size, model.window_samples, model.window_samples, model.sample_rate)
    rows = []
    for window in cut(waveform, windows):
        lay(window, engine.staging[0])
        rows += judge.rows(engine.infer(1))
    best = [(model.labels[index], confidence) for index, confidence in judge.verdict(rows, 2).best]
    return settled(best[0], best[1] if len(best) > 1 else None)


def _asked(host: Host, file: bytes) -> Label:
    status, body = host.ask("POST", "/v1/classify?top_k=2", file)
    if status != 200:
        raise EarshotError(f"{host.url} does not name a sound: {detail_of(status, body)}")
    best = [(one["label"], one["confidence"]) for one in json.loads(body)["predictions"]]
    return settled(best[0], best[1] if len(best) > 1 else None)
