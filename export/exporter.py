"""From a checkpoint to a bundle: graphs, the proof that they are equal, what their answers are worth, and the folder.

Nothing is written before everything has been proven.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH, Bundle
from export.evidence import Witness, witness_of, witnesses
from export.findings import Findings, calibrate, reference_of
from export.graph import float_graph, folded_graph, half_graph, taking_pcm16
from export.hostile import signals
from export.int8 import quantise
from export.parity import ParityError
from export.pruning import fine_tune, prune, unpruned
from export.ranges import Ranges, measure_ranges
from export.sensitivity import sensitivity
from export.session import Session
from export.speed import measure_speed
from export.terms import terms_of
from export.testimony import (
    Graphs,
    Say,
    Testimony,
    Verdict,
    compare_on_hostile_signals,
    compare_on_own_sounds,
    statistics_of,
    testify,
)
from export.writer import write_bundle
from training.checkpoint import build_classifier, load_model, with_half_weights
from training.data.cache import FULL_SCALE
from training.loop import Run
from training.material import Sounds
from training.observers import Observer, StepReport

_CALIBRATED_ON = 256  # training windows: see docs/export.md
_BATCH = 16
_TENTHS = 10
_PROBED_ON = 64  # windows for each layer of the report on sensitivity


class _Saying(Observer):
    """Tells how far the tuning of a pruned model is."""

    def __init__(self, what: str, say: Say) -> None:
        self._what, self._say = what, say

    def started(self, run: Run) -> None:
        """Count its steps."""
        self._steps = run.total_steps

    def stepped(self, report: StepReport) -> None:
        """Say each whole tenth."""
        if report.step * _TENTHS % self._steps < _TENTHS:
            self._say(f"{self._what}, {report.step} of {self._steps} steps")


@dataclass(frozen=True)
class Made:
    """The graphs, and what INT8 was made of."""

    graphs: Graphs
    folded: onnx.ModelProto
    ranges: Ranges
    kept_float: tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """What is to be exported, and how."""

    checkpoint: Path
    crossval: Path | None
    """Folder of the models that have each missed a fold; needed where the checkpoint has heard all."""
    data: Path
    out: Path
    name: str
    version: str
    precision: float
    """Share of right answers wanted above the confidence below which an answer is called uncertain."""
    prune: float = 0.0
    """Share of the multiply-accumulates to be cut out."""
    keep_float: tuple[str, ...] = ()
    """Layers that INT8 leaves alone."""
    pcm16: bool = False
    """Also write each graph in a form that takes 16-bit PCM."""
    replace: bool = False
    """Whether a bundle that stands there may be replaced."""


def export(order: Order, sounds: Sounds, device: torch.device, say: Say) -> Bundle:
    """Make the bundle; raises a `ParityError` and writes nothing where a graph is not equal to the model."""
    model, facts = load_model(order.checkpoint)
    asked = witness_of(model, facts, sounds, order.checkpoint)
    terms = terms_of(order.data, sounds.dataset)
    asked_too = witnesses(asked, sounds, order.crossval)
    own = _ready(asked, order, device, say)
    made = make_graphs(own, order.keep_float, say)
    testimonies = []
    for witness in asked_too:
        if witness is asked:
            testimonies.append(testify(own, made.graphs, say))
        else:
            other = _ready(witness, order, device, say)
            testimonies.append(testify(other, make_graphs(other, order.keep_float, say).graphs, say))
    verdict = _judge(own, made.graphs, tuple(testimonies), say)
    graphs = made.graphs | (_taking_pcm16(made.graphs, own) if order.pcm16 else {})
    if verdict.failures:
        raise ParityError("; ".join(verdict.failures), verdict.parity())
    findings = _find(own, made, verdict, order.precision, say)
    say(f"writing {order.out}")
    return write_bundle(order.out, order.name, order.version, graphs, findings, terms, order.replace)


def _ready(witness: Witness, order: Order, device: torch.device, say: Say) -> Witness:
    """As it will be shipped: pruned where that is asked, with weights that are float16 numbers."""
    model, facts = witness.model, witness.facts
    if order.prune:
        say(f"{witness.name}: looking for {order.prune:.0%} that matter least")
        model, facts = prune(model, facts, witness.material.train, order.prune, device)
        with TemporaryDirectory() as folder:
            watching = (_Saying(f"{witness.name}: tuning what remains", say),)
            model, facts = fine_tune(model, facts, witness.material, Path(folder), device, observers=watching)
    return replace(witness, model=with_half_weights(model), facts=facts)


def make_graphs(witness: Witness, keep_float: tuple[str, ...], say: Say) -> Made:
    """Every graph of a bundle, INT8 by the ranges of sounds that the model has learned from."""
    model, samples = witness.model, witness.facts.recipe.audio.window_samples
    say(f"{witness.name}: exporting float32 and float16")
    graphs = {FLOAT_GRAPH: float_graph(model, samples), HALF_GRAPH: half_graph(model, samples)}
    say(f"{witness.name}: quantising to INT8")
    folded = folded_graph(model, samples)
    ranges = measure_ranges(folded, _waves(witness, _CALIBRATED_ON))
    return Made(graphs | {INT8_GRAPH: quantise(folded, ranges, keep_float)}, folded, ranges, keep_float)


def _waves(witness: Witness, count: int) -> NDArray[np.float32]:
    """Sounds that the model has learned from."""
    return np.concatenate(list(witness.material.train.some(count).waves(_BATCH)))


def _judge(own: Witness, graphs: Graphs, testimonies: tuple[Testimony, ...], say: Say) -> Verdict:
    say("comparing the graphs with the model itself")
    samples = own.facts.recipe.audio.window_samples
    return Verdict(
        testimonies, compare_on_own_sounds(own, graphs), compare_on_hostile_signals(own.model, graphs, samples)
    )


def _taking_pcm16(graphs: Graphs, own: Witness) -> Graphs:
    """The same graphs for 16-bit samples, whose answers must be the same bit for bit."""
    rate, samples = own.facts.recipe.audio.sample_rate, own.facts.recipe.audio.window_samples
    pcm = np.stack([np.rint(wave * (FULL_SCALE - 1)) for wave in signals(samples, rate).values()]).astype(np.int16)
    waves = pcm.astype(np.float32) / np.float32(FULL_SCALE)
    variants = {name.replace(".onnx", ".pcm16.onnx"): taking_pcm16(graph) for name, graph in graphs.items()}
    for (name, variant), graph in zip(variants.items(), graphs.values(), strict=True):
        if not np.array_equal(Session(variant)(pcm)[0], Session(graph)(waves)[0]):
            raise ParityError(f"{name} answers otherwise than the same graph for float32")
    return variants


def _find(own: Witness, made: Made, verdict: Verdict, precision: float, say: Say) -> Findings:
    say("temperature, thresholds, what the training data looks like")
    calibrated = calibrate(verdict, precision)
    first = verdict.testimonies[0]
    learned = first.learned if first.witness is own else statistics_of(own, made.graphs, say)
    say("what each layer pays for INT8")
    costs = sensitivity(made.folded, made.ranges, _waves(own, _PROBED_ON))
    say("measuring latencies on one thread")
    on_cpu = {name: made.graphs[name] for name in (FLOAT_GRAPH, INT8_GRAPH)}
    recipe = own.facts.recipe
    if recipe.model.inner:
        whole = build_classifier(unpruned(recipe), len(own.facts.labels)).eval()  # its weights cost no time
        on_cpu[f"{FLOAT_GRAPH} before it was pruned"] = float_graph(whole, recipe.audio.window_samples)
    return Findings(
        own,
        verdict,
        calibrated,
        reference_of(own, learned, verdict, calibrated),
        sensitivity=tuple(cost for cost in costs if cost.layer not in made.kept_float),
        kept_float=made.kept_float,
        speed=measure_speed(own.model, on_cpu, recipe.audio.window_samples),
    )
