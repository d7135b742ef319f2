"""A fold of the data and a model that has not heard it, in the files of a bundle: for any engine to be asked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from contract.bundle import WEIGHTS
from contract.errors import EarshotError
from export.evidence import witness_of
from export.exporter import make_graphs
from training.checkpoint import load_model, save_model, with_half_weights
from training.material import load_sounds

SOUNDS = "sounds.npy"
_BATCH = 16


@dataclass(frozen=True)
class HeldOut:
    """What lies in the folder."""

    folder: Path
    """Graphs and weights, called as in a bundle."""
    sounds: Path
    """[windows, samples] between −1 and 1."""
    labels: NDArray[np.int64]
    folds: tuple[int, ...]


def write_held_out(
    checkpoint: Path,
    data: Path,
    cache: Path | None,
    folder: Path,
    kept_float: tuple[str, ...],
    say: Callable[[str], None],
) -> HeldOut:
    """Take this model through the export, without the proofs, and keep the sounds that it has not heard."""
    model, facts = load_model(checkpoint)
    say(f"decoding {data.name}")
    sounds = load_sounds(data, facts.recipe, facts.labels, cache)
    witness = witness_of(with_half_weights(model), facts, sounds, checkpoint)
    if not witness.folds:
        raise EarshotError(f"{checkpoint} has learned from every fold: it can be asked about none")
    for name, graph in make_graphs(witness, kept_float, say).graphs.items():
        onnx.save(graph, folder / name)
    save_model(folder / WEIGHTS, witness.model, facts, half=True)
    held_out = witness.material.held_out
    np.save(folder / SOUNDS, np.concatenate(list(held_out.waves(_BATCH))))
    return HeldOut(folder, folder / SOUNDS, held_out.labels, witness.folds)
