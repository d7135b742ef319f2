"""How often an engine is right about sounds that the model has not heard: measured, or as the export found it."""

from pathlib import Path

import numpy as np

from benchmarks.kept import RESULTS
from benchmarks.latency.contestant import Contestant
from benchmarks.latency.engines import Engine
from benchmarks.latency.results import Accuracy
from contract.manifest import Manifest
from export.held_out import HeldOut

BY_EXPORT = "the bundle's export"


def by_manifest(manifest: Manifest, engine: Engine) -> Accuracy | None:
    """Of the graph that it runs, over every fold by a model that has not heard it; nothing where none was found."""
    found = manifest.parity.get(engine.graph)
    if found is None:
        return None
    share = found.accuracy_float if engine.kind == "torch" and engine.precision == "float32" else found.accuracy
    folds = ", ".join(map(str, found.folds))
    return Accuracy(share, found.windows, f"{BY_EXPORT}, folds {folds}")


def by_asking(contestant: Contestant, held_out: HeldOut) -> Accuracy:
    """Of this engine, with a model that has not heard the fold."""
    named = contestant.named(held_out.folder, held_out.sounds)
    share = float(np.mean(named == held_out.labels))
    folds = ", ".join(map(str, held_out.folds))
    return Accuracy(share, len(named), f"measured here, fold {folds}")


def witness_for(bundle: str) -> Path | None:
    """A model of the bundle's cross-validation that came with the repository."""
    there = sorted((RESULTS / "crossval" / bundle).glob("fold*.safetensors"))
    return there[0] if there else None
