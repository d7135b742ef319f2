"""All that is measured of a bundle's engines: their latencies in turn, their answers, and the floor under them."""

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.latency.accuracy import by_asking, by_manifest, witness_for
from benchmarks.latency.contest import Contest
from benchmarks.latency.contestant import Contestant
from benchmarks.latency.engines import REFERENCE, Engine, absence
from benchmarks.latency.graphs import take_apart
from benchmarks.latency.order import Order
from benchmarks.latency.results import Accuracy, Found, Latencies
from benchmarks.report import Say
from contract.errors import EarshotError

Logits = NDArray[np.float64]


def measure(order: Order, say: Say) -> Latencies:
    """All of it."""
    began = time.perf_counter()
    with TemporaryDirectory(prefix="earshot-latency-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        works = take_apart(order.bundle, folder)
        contest = Contest(order, folder, stack, say)
        contest.start()
        peaks = contest.take_turns()
        logits = contest.each(Contestant.answers)
        wanted = logits[REFERENCE] if REFERENCE in logits else _reference(contest)
        accuracies = _accuracies(order, contest, folder, say)
        found = tuple(
            Found(
                one.engine, one.cost, one.timings, works.get(one.engine.graph, {}),
                accuracies.get(one.engine), agreement(wanted, logits[one.engine]), one.too_slow,
            )
            for one in contest.running.values()
        )  # fmt: skip
    absent = tuple(contest.absent[engine] for engine in order.engines if engine in contest.absent)
    return Latencies(order, found, absent, peaks, time.perf_counter() - began)


def agreement(wanted: Logits | None, found: Logits) -> float | None:
    """Share of the clips that both name alike."""
    return None if wanted is None else float(np.mean(wanted.argmax(1) == found.argmax(1)))


def _reference(contest: Contest) -> Logits | None:
    """Asked though it is not to be measured; where it cannot be had, nothing agrees with it."""
    if absence(REFERENCE):
        return None
    try:
        return contest.started(REFERENCE, (1,)).answers()
    except EarshotError:
        return None


def _accuracies(order: Order, contest: Contest, folder: Path, say: Say) -> dict[Engine, Accuracy]:
    """Measured where there is data and a model that has not heard a part of it."""
    manifest = order.bundle.manifest
    witness = witness_for(manifest.name) if order.data else None
    if order.data and witness is None:
        say(f"no model of {manifest.name} that has missed a fold comes with Earshot: accuracy is the export's figure")
    if order.data is None or witness is None:
        known = {engine: by_manifest(manifest, engine) for engine in contest.running}
        return {engine: accuracy for engine, accuracy in known.items() if accuracy}
    from export.held_out import write_held_out

    place = folder / "held_out"
    place.mkdir()
    held_out = write_held_out(witness, order.data, order.cache, place, manifest.kept_float, say)
    say(f"asking every engine for {len(held_out.labels)} sounds that the model has not heard")
    return contest.each(lambda one: by_asking(one, held_out))
