"""From a checkpoint to a bundle: graphs, the proof that they are equal, what their answers are worth, and the folder.

Nothing is written before everything has been proven.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH, Bundle
from contract.errors import EarshotError
from export.evidence import Witness, itself, witnesses
from export.findings import Findings, calibrate, novelty_of, reference_of
from export.graph import float_graph, foldable_graph, half_graph
from export.int8 import quantise
from export.novelty import fit_statistics
from export.parity import require
from export.pruning import fine_tune, prune
from export.ranges import Ranges, measure_ranges
from export.sensitivity import sensitivity
from export.session import Session, ask
from export.speed import measure_speed
from export.terms import terms_of
from export.testimony import (
    Graphs,
    Say,
    Testimony,
    Verdict,
    compare_on_hostile_signals,
    compare_on_own_sounds,
    testify,
)
from export.writer import write_bundle
from training.checkpoint import load_model, with_half_weights
from training.material import Sounds

_CALIBRATED_ON = 256  # training windows: see docs/export.md
_PROBED_ON = 64  # windows for each layer of the report on sensitivity


@dataclass(frozen=True)
class _Made:
    """The graphs, and what INT8 was made of."""

    graphs: Graphs
    foldable: onnx.ModelProto
    ranges: Ranges


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
    pcm16: bool = False
    """Also write each graph in a form that takes 16-bit PCM."""
    replace: bool = False
    """Whether a bundle that stands there may be replaced."""


def export(order: Order, sounds: Sounds, device: torch.device, say: Say, judged: Callable[[Verdict], None]) -> Bundle:
    """Make the bundle; raises a `ParityError` and writes nothing where a graph is not equal to the model.

    `judged` is told how equal they are, whether that is enough or not.
    """
    if order.out.exists() and not order.replace:
        raise EarshotError(f"{order.out} is there already: choose another --out, or replace it by --force")
    model, facts = load_model(order.checkpoint)
    asked = itself(model, facts, sounds, order.checkpoint)
    own = _ready(asked, order, sounds, device, say)
    made = _make(own, say)
    testimonies = []
    for witness in witnesses(asked, sounds, order.crossval):
        if witness is asked:
            testimonies.append(testify(own, made.graphs, say))
        else:
            other = _ready(witness, order, sounds, device, say)
            testimonies.append(testify(other, _make(other, say).graphs, say))
    verdict = _judge(own, made.graphs, tuple(testimonies), say)
    judged(verdict)
    require(verdict.failures)
    findings = _find(own, made, verdict, order.precision, say)
    say(f"writing {order.out}")
    terms = terms_of(order.data, sounds.dataset)
    return write_bundle(order.out, order.name, order.version, findings, terms, order.pcm16)


def _ready(witness: Witness, order: Order, sounds: Sounds, device: torch.device, say: Say) -> Witness:
    """As it will be shipped: pruned where that is asked, with weights that are float16 numbers."""
    model, facts = witness.model, witness.facts
    if order.prune:
        say(f"pruning {order.prune:.0%} and tuning what remains")
        model, facts = prune(model, facts, witness.material.train, order.prune, device)
        with TemporaryDirectory() as folder:
            model, facts = fine_tune(model, facts, sounds, Path(folder), device)
    return replace(witness, model=with_half_weights(model), facts=facts)


def _make(witness: Witness, say: Say) -> _Made:
    """Every graph of a bundle, INT8 by the ranges of sounds that the model has learned from."""
    model, samples = witness.model, witness.facts.recipe.audio.window_samples
    say(f"{witness.name}: exporting float32 and float16")
    graphs = {FLOAT_GRAPH: float_graph(model, samples), HALF_GRAPH: half_graph(model, samples)}
    say(f"{witness.name}: quantising to INT8")
    foldable = foldable_graph(model, samples)
    ranges = measure_ranges(foldable, _waves(witness, _CALIBRATED_ON))
    return _Made(graphs | {INT8_GRAPH: quantise(foldable, ranges)}, foldable, ranges)


def _waves(witness: Witness, count: int) -> NDArray[np.float32]:
    """Sounds that the model has learned from."""
    return np.concatenate(list(witness.material.train.some(count).waves(count)))


def _judge(own: Witness, graphs: Graphs, testimonies: tuple[Testimony, ...], say: Say) -> Verdict:
    say("comparing the graphs with the model itself")
    samples = own.facts.recipe.audio.window_samples
    return Verdict(
        testimonies,
        own=compare_on_own_sounds(own, graphs),
        hostile=compare_on_hostile_signals(own.model, graphs, samples),
    )


def _find(own: Witness, made: _Made, verdict: Verdict, precision: float, say: Say) -> Findings:
    say("temperature, thresholds, what the training data looks like")
    calibrated = calibrate(verdict, precision)
    learned = ask(Session(made.graphs[FLOAT_GRAPH]), own.material.train)
    statistics = fit_statistics(learned.embedding, learned.labels)
    say("what each layer pays for INT8")
    costs = sensitivity(made.foldable, made.ranges, _waves(own, _PROBED_ON))
    say("measuring latencies on one thread")
    on_cpu = {name: made.graphs[name] for name in (FLOAT_GRAPH, INT8_GRAPH)}
    return Findings(
        own,
        made.graphs,
        verdict,
        calibrated,
        novelty_of(verdict),
        reference_of(own, statistics, verdict, calibrated),
        sensitivity=tuple(costs),
        speed=measure_speed(own.model, on_cpu, own.facts.recipe.audio.window_samples),
    )
