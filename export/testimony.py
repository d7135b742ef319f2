"""Asks each witness, and its graphs, about the sounds that it has not heard; and the model to export about itself."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from contract.bundle import FLOAT_GRAPH
from contract.manifest import Parity
from export.evidence import Witness
from export.hostile import signals
from export.novelty import fit_statistics
from export.parity import Comparison, Logits, compare, failures
from export.session import Session, ask
from training.evaluation import Predictions, join, predict
from training.model import Classifier

Graphs = dict[str, onnx.ModelProto]
"""By the names that they have in a bundle."""
Say = Callable[[str], None]

_OWN_WINDOWS = 200  # of sounds that the model has heard: enough to see that its graphs are its own
_PARTS = 5  # a single fold is calibrated against itself, in parts that share no recording


@dataclass(frozen=True)
class Testimony:
    """What one witness and its graphs say of the sounds that it has not heard."""

    witness: Witness
    wanted: Predictions
    """By PyTorch in float32."""
    found: dict[str, Logits]
    """By each graph."""
    distances: NDArray[np.float32]
    """Of each held-out window from what the witness has learned."""


def testify(witness: Witness, graphs: Graphs, say: Say) -> Testimony:
    """Ask the model and each of its graphs."""
    windows = witness.material.held_out
    say(f"{witness.name}: PyTorch answers {len(windows)} windows")
    wanted = predict(witness.model, windows, torch.device("cpu"))
    found = {}
    for name, graph in graphs.items():
        say(f"{witness.name}: {name} answers {len(windows)} windows")
        found[name] = ask(Session(graph), windows).logits
    say(f"{witness.name}: what {len(witness.material.train)} training windows look like")
    learned = ask(Session(graphs[FLOAT_GRAPH]), witness.material.train)
    distances = fit_statistics(learned.embedding, learned.labels).distance(wanted.embedding)
    return Testimony(witness, wanted, found, distances)


@dataclass(frozen=True)
class Verdict:
    """All that was measured of the graphs, over all witnesses."""

    testimonies: tuple[Testimony, ...]
    own: dict[str, Comparison]
    """On sounds that the model to export may have heard."""
    hostile: dict[str, Comparison]

    @property
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

    @property
    def held_out(self) -> dict[str, Comparison]:
        """Of each graph, over all folds."""
        wanted = self.answers
        return {
            name: compare(wanted.logits, np.concatenate([t.found[name] for t in self.testimonies]), wanted.labels)
            for name in self.testimonies[0].found
        }

    @property
    def failures(self) -> list[str]:
        """One sentence for each limit that is broken."""
        return [
            sentence
            for name, found in self.held_out.items()
            for sentence in failures(name, found, self.hostile[name])
        ]

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
                hostile_max_delta=self.hostile[name].max_delta,
                own_max_delta=self.own[name].max_delta,
                own_agreement=self.own[name].agreement,
            )
            for name, found in self.held_out.items()
        }


def compare_on_own_sounds(own: Witness, graphs: Graphs) -> dict[str, Comparison]:
    """The graphs of the model to export against it, on sounds of which it may have heard all."""
    windows = own.material.held_out if own.folds else own.material.train.some(_OWN_WINDOWS)
    wanted = predict(own.model, windows, torch.device("cpu"))
    return {
        name: compare(wanted.logits, ask(Session(graph), windows).logits, windows.labels)
        for name, graph in graphs.items()
    }


def compare_on_hostile_signals(model: Classifier, graphs: Graphs, samples: int) -> dict[str, Comparison]:
    """The same on signals made to break arithmetic; the label of each is what the model calls it."""
    waves = np.stack(list(signals(samples, model.frontend.sample_rate).values()))
    with torch.inference_mode():
        wanted: Logits = model(torch.from_numpy(waves)).logits.numpy()
    return {name: compare(wanted, Session(graph)(waves)[0], wanted.argmax(1)) for name, graph in graphs.items()}
