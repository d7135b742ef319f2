"""Asks each witness, and its graphs, about the sounds that it has not heard; and the model to export about itself."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from contract.bundle import FLOAT_GRAPH
from contract.errors import EarshotError
from contract.manifest import Parity
from contract.reference import EmbeddingStatistics
from export.evidence import Witness
from export.hostile import signals
from export.novelty import NoveltyThreshold, choose_threshold, fit_statistics
from export.parity import HOSTILE_LIMITS, LIMITS, Comparison, Logits, compare
from export.session import Session
from training.evaluation import Predictions, join, predict
from training.material import WindowSet
from training.model import Classifier

Graphs = dict[str, onnx.ModelProto]
"""By the names that they have in a bundle."""
Say = Callable[[str], None]

_OWN_WINDOWS = 200  # of sounds that the model has heard: enough to see that its graphs are its own
_PARTS = 5  # a single fold is calibrated against itself, in parts that share no recording
_BATCH = 16  # larger ones gain nothing on a CPU
_ROUNDED = 0.01  # of the answers may be others than in training, for weights are rounded to float16


@dataclass(frozen=True)
class Testimony:
    """What one witness and its graphs say of the sounds that it has not heard."""

    witness: Witness
    wanted: Predictions
    """By PyTorch in float32."""
    found: dict[str, Predictions]
    """By each graph."""
    learned: EmbeddingStatistics
    """Where the witness has put what it has learned from."""


def testify(witness: Witness, graphs: Graphs, say: Say) -> Testimony:
    """Ask the model and each of its graphs."""
    windows = witness.material.held_out
    say(f"{witness.name}: PyTorch answers {len(windows)} windows")
    wanted = predict(witness.model, windows, torch.device("cpu"))
    _require_known_answers(witness, wanted)
    found = {}
    for name, graph in graphs.items():
        say(f"{witness.name}: {name} answers {len(windows)} windows")
        found[name] = ask(graph, windows)
    return Testimony(witness, wanted, found, statistics_of(witness, graphs, say))


def statistics_of(witness: Witness, graphs: Graphs, say: Say) -> EmbeddingStatistics:
    """Where the model puts the sounds that it has learned from."""
    say(f"{witness.name}: what {len(witness.material.train)} training windows look like")
    learned = ask(graphs[FLOAT_GRAPH], witness.material.train)
    return fit_statistics(learned.embedding, learned.labels)


def ask(graph: onnx.ModelProto, windows: WindowSet) -> Predictions:
    """The answers of a graph to these windows."""
    logits, embeddings = zip(*map(Session(graph), windows.waves(_BATCH)), strict=True)
    return Predictions(np.concatenate(logits), np.concatenate(embeddings), windows.labels, windows.clips)


@dataclass(frozen=True)
class Verdict:
    """All that was measured of the graphs, over all witnesses."""

    testimonies: tuple[Testimony, ...]
    own: dict[str, Comparison]
    """Of the graphs to ship, on sounds that the model may have heard."""
    hostile: dict[str, Comparison]
    """Of the graphs to ship."""

    @cached_property
    def answers(self) -> Predictions:
        """To every held-out window, by PyTorch."""
        return join([testimony.wanted for testimony in self.testimonies])

    @property
    def folds(self) -> tuple[int, ...]:
        """On which folds this rests."""
        return tuple(fold for testimony in self.testimonies for fold in testimony.witness.folds)

    @property
    def parts(self) -> NDArray[np.int64]:
        """Of each held-out window, the part that it is calibrated with.

        That is its fold, or where there is one only, a part of it that shares no recording with the others.
        """
        if len(self.testimonies) > 1:
            sizes = [len(testimony.wanted.labels) for testimony in self.testimonies]
            return np.repeat([testimony.witness.folds[0] for testimony in self.testimonies], sizes)
        (testimony,) = self.testimonies
        clips = testimony.witness.material.dataset.clips
        sources = [clips[number].source for number in testimony.wanted.clips]
        return np.unique(sources, return_inverse=True)[1] % _PARTS

    @cached_property
    def distances(self) -> dict[int, NDArray[np.float32]]:
        """By fold: how far held-out windows lie from what the model of that fold has learned."""
        return {t.witness.folds[0]: t.learned.distance(t.wanted.embedding) for t in self.testimonies}

    @cached_property
    def novelty(self) -> NoveltyThreshold:
        """The distance beyond which a sound is new."""
        return choose_threshold(self.distances)

    @cached_property
    def held_out(self) -> dict[str, Comparison]:
        """Of each graph, over all folds."""
        parts = {name: [t.found[name].logits for t in self.testimonies] for name in self.own}
        answers = self.answers
        return {name: compare(answers.logits, np.concatenate(found), answers.labels) for name, found in parts.items()}

    def called_new(self, name: str) -> float:
        """Share of held-out windows that lie beyond the threshold by the embeddings of this graph."""
        found = [t.learned.distance(t.found[name].embedding) for t in self.testimonies]
        return float((np.concatenate(found) > self.novelty.threshold).mean())

    @property
    def failures(self) -> list[str]:
        """One sentence for each limit that is broken."""
        sentences = []
        for name, limits in LIMITS.items():
            sentences += [f"{name}, on held-out sounds: {phrase}" for phrase in limits.broken_by(self.held_out[name])]
            sentences += [
                f"{name}, with the weights to ship: {phrase}" for phrase in limits.broken_by(self.own[name])
            ]
            hostile = HOSTILE_LIMITS[name].broken_by(self.hostile[name])
            sentences += [f"{name}, on hostile signals: {phrase}" for phrase in hostile]
        return sentences

    def parity(self) -> dict[str, Parity]:
        """As the manifest tells it."""
        return {
            name: Parity(
                folds=self.folds,
                windows=found.windows,
                max_delta=found.max_delta,
                p999_delta=found.p999_delta,
                agreement=found.agreement,
                accuracy=found.accuracy,
                accuracy_float=found.accuracy_float,
                called_new=self.called_new(name),
                hostile_max_delta=self.hostile[name].max_delta,
                own_windows=self.own[name].windows,
                own_max_delta=self.own[name].max_delta,
                own_agreement=self.own[name].agreement,
            )
            for name, found in self.held_out.items()
        }


def compare_on_own_sounds(own: Witness, graphs: Graphs) -> dict[str, Comparison]:
    """The graphs of the model to export against it, on sounds that it may have heard."""
    windows = own.material.train.some(_OWN_WINDOWS)
    wanted = predict(own.model, windows, torch.device("cpu"))
    return {
        name: compare(wanted.logits, ask(graph, windows).logits, windows.labels) for name, graph in graphs.items()
    }


def compare_on_hostile_signals(model: Classifier, graphs: Graphs, samples: int) -> dict[str, Comparison]:
    """The same on signals made to break arithmetic; the label of each is what the model calls it."""
    waves = np.stack(list(signals(samples, model.frontend.sample_rate).values()))
    with torch.inference_mode():
        wanted: Logits = model(torch.from_numpy(waves)).logits.numpy()
    return {name: compare(wanted, Session(graph)(waves)[0], wanted.argmax(1)) for name, graph in graphs.items()}


def _require_known_answers(witness: Witness, wanted: Predictions) -> None:
    """A model says how often it was right after its training: on other sounds it would be so by chance only."""
    then = witness.facts.metrics.get("accuracy")
    allowed = max(_ROUNDED, 2 / len(wanted.labels))
    if then is not None and abs(then - wanted.accuracy) > allowed:
        raise EarshotError(
            f"{witness.name}: {wanted.accuracy:.2%} of the answers are right, {then:.2%} were after the training: "
            "this is not the data that it was trained on"
        )
