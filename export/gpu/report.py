"""What the GPU check says: two tables for a person, and all figures for a file."""

import platform
import subprocess
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from rich.table import Table

from contract.provenance import source_commit
from export.gpu.measure import BATCHES, INPUTS, Column, Timing, input_name
from training.console import console, note
from training.provenance import machine

_PACKAGES = ("torch", "onnxruntime-gpu", "onnxruntime", "tensorrt", "tensorrt-cu13", "tensorrt-rtx", "numpy")
_NVIDIA_SMI_SECONDS = 10


def machine_facts(device: torch.device) -> dict[str, Any]:
    """The machine and the versions that figures belong to."""
    return {
        "gpu": torch.cuda.get_device_name() if device.type == "cuda" else None,
        "processor": machine(torch.device("cpu")),
        "driver": _driver(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _installed(name))},
        "commit": source_commit(),
    }


def as_json(facts: dict[str, Any], columns: list[Column]) -> dict[str, Any]:
    """All figures, with the machine that they were measured on."""
    return {"machine": facts, "engines": [asdict(column) for column in columns]}


def show(facts: dict[str, Any], columns: list[Column]) -> None:
    """Parity, latency, and what is wrong."""
    device = facts["gpu"] or facts["processor"]
    console.print(f"{device}, driver {facts['driver']}, CUDA {facts['cuda']}, cuDNN {facts['cudnn']}")
    console.print(", ".join(f"{name} {found}" for name, found in facts["packages"].items()))
    console.print(parity_table(columns))
    console.print(latency_table(columns))
    for column in columns:
        for phrase in column.broken:
            note(f"{column.name} is out of limits: {phrase}")


def parity_table(columns: list[Column]) -> Table:
    """How far answers lie from those in float32 on the CPU."""
    table = Table(title="answers against float32 PyTorch on the CPU: Δ of logits, agreement of the first class")
    for heading in ("engine", "samples", "max Δ", "99.9 % of Δ below", "agree", "hostile: max Δ", "agree"):
        table.add_column(heading, justify="left" if heading in {"engine", "samples"} else "right")
    for column in columns:
        hostile = list(column.hostile.values())
        for kind, found in column.clips.items():
            worst = max((one.max_delta for one in hostile), default=float("nan"))
            agreeing = f"{sum(one.agreement for one in hostile):.0f} of {len(hostile)}"
            row = (
                f"{found.max_delta:.2g}",
                f"{found.p999_delta:.2g}",
                f"{found.agreement:.1%}",
                f"{worst:.2g}",
                agreeing,
            )
            table.add_row(column.name, kind, *row)
        if column.unavailable:
            table.add_row(column.name, f"not here: {column.unavailable}")
        if column.failed:
            table.add_row(column.name, f"failed: {column.failed}")
    return table


def latency_table(columns: list[Column]) -> Table:
    """Milliseconds by engine, kind of samples and batch."""
    table = Table(title="ms from samples in host memory to answers in host memory: median, 99th percentile")
    table.add_column("engine")
    table.add_column("samples")
    for batch in BATCHES:
        table.add_column(f"batch {batch}", justify="right")
    for column in columns:
        for kind in map(input_name, INPUTS):
            cells = [_cell(column.timings, kind, batch) for batch in BATCHES]
            if any(cells):
                table.add_row(column.name, kind, *cells)
    return table


def _cell(timings: tuple[Timing, ...], kind: str, batch: int) -> str:
    found = [timing for timing in timings if (timing.input, timing.batch) == (kind, batch)]
    return f"{found[0].median_ms:.3f}  {found[0].p99_ms:.3f}" if found else ""


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_NVIDIA_SMI_SECONDS)  # noqa: S603 (fixed words)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return result.stdout.splitlines()[0].strip() if result.stdout.strip() else "unknown"
