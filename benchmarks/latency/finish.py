"""The end of a measurement: shown in the terminal, kept as files."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.kept import folder_for, keep
from benchmarks.latency import terminal, words
from benchmarks.latency.pictures import draw
from benchmarks.latency.results import FEWEST_FOR, Found, Latencies
from benchmarks.provenance import Provenance
from benchmarks.report import console, say, say_where, show_table

_NAME = "latency"
_PACKAGES = ("torch", "torchaudio", "onnx", "onnxruntime-gpu", "tensorrt-cu13", "tensorrt-rtx")


def finish(all_: Latencies, out: Path | None) -> None:
    """Tables for a person, files for everybody; the last line says where they are."""
    origin = Provenance.here(_PACKAGES)
    console.print(f"{origin.machine}; commit {origin.commit}; {origin.date}", soft_wrap=True)
    for title, table in terminal.tables(all_):
        show_table(table, title)
    for sentence in terminal.sentences(all_):
        say(sentence)
    folder = folder_for(origin, out)
    draw(all_, folder)
    series = [series for one in all_.found for series in one.series()]
    keep(
        folder,
        _NAME,
        f"Latency of {all_.order.bundle.manifest.name}",
        origin,
        words.sections(all_),
        series,
        _details(all_),
    )
    say_where(folder, _NAME)


def _details(all_: Latencies) -> dict[str, Any]:
    order = all_.order
    return {
        "bundle": {"name": order.bundle.manifest.name, "version": order.bundle.manifest.version},
        "pace": asdict(order.pace), "rounds": all_.rounds, "took_s": all_.took_s,
        "threads": order.threads, "cpus": sorted(order.cpus),
        "peaks": {"gpu" if gpu else "cpu": peaks.per_s for gpu, peaks in all_.peaks.items()},
        "engines": [_engine(all_, one) for one in all_.found],
        "absent": [{"engine": one.engine.name, "reason": one.reason, "failed": one.failed} for one in all_.absent],
    }  # fmt: skip


def _engine(all_: Latencies, one: Found) -> dict[str, Any]:
    places = [
        {
            "part": part, "batch": batch, "runs": timings.runs, "device_p50_ms": timings.device_p50,
            "floor_ms": all_.floor_ms(one, part, batch),
        }
        | {f"p{percent}_ms": timings.percentile(percent) for percent in FEWEST_FOR}
        for (part, batch), timings in one.timings.items()
    ]  # fmt: skip
    works = {part: asdict(work) for part, work in one.works.items()}
    return asdict(one.engine) | {
        "cost": asdict(one.cost), "accuracy": one.accuracy and asdict(one.accuracy), "agreement": one.agreement,
        "works": works, "places": places, "too_slow_s": one.too_slow,
    }  # fmt: skip
