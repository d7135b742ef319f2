"""The GPU check itself: one column of figures for each engine, shown and written down."""

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import ModuleType

import onnx
import torch

from contract.bundle import HALF_GRAPH
from contract.files import replacing
from contract.tensorrt_kept import find_library
from contract.tensorrt_plan import Plan
from export.gpu.engines import Candidate, onnx_candidate, tensorrt_candidates, torch_candidates
from export.gpu.measure import Column, Material, load_material, measure
from export.gpu.plans import plan_for
from export.gpu.report import as_json, machine_facts, show
from export.graph import half_graph
from training.checkpoint import load_model, model_file
from training.console import console, counting, note
from training.device_session import without_tf32
from training.model import Classifier

Graph = Callable[[], onnx.ModelProto]


def check(source: Path, clips: Path, device: torch.device, runs: int, compiled: bool, out: Path | None) -> bool:
    """Measure every engine for this bundle, run or checkpoint on this device; whether all is within limits."""
    without_tf32()
    model, facts = load_model(model_file(source))
    audio = facts.recipe.audio
    material = load_material(model, clips, audio.sample_rate, audio.window_samples)
    graph = cache(partial(graph_of, source, model, audio.window_samples))
    columns = _measured(candidates(model, graph, device, audio.window_samples, compiled), material, runs)
    where = machine_facts(device) | {"model": source.name}
    show(where, columns)
    if out:
        with replacing(out) as aside:
            aside.write_text(json.dumps(as_json(where, columns), indent=1) + "\n", encoding="utf-8")
        console.print(f"all figures: {out}")
    return all(column.holds for column in columns)


def candidates(
    model: Classifier, graph: Graph, device: torch.device, samples: int, compiled: bool = False
) -> list[Candidate]:
    """Every engine that may be had on this device."""
    found = torch_candidates(model, device, samples, compiled)
    if device.type != "cuda":
        return [*found, onnx_candidate(graph, samples, "CPUExecutionProvider")]

    def load(trt: ModuleType) -> Plan:
        return plan_for(trt, graph().SerializeToString(), note)

    found += tensorrt_candidates(find_library(), load, device)
    return [*found, onnx_candidate(graph, samples, "CUDAExecutionProvider")]


def graph_of(source: Path, model: Classifier, samples: int) -> onnx.ModelProto:
    """The half precision graph that a bundle ships; for a checkpoint, the one that would be shipped."""
    shipped = source / HALF_GRAPH
    return onnx.load(shipped) if shipped.is_file() else half_graph(model, samples)


def _measured(engines: list[Candidate], material: Material, runs: int) -> list[Column]:
    columns = []
    with counting("engines") as report:
        for number, engine in enumerate(engines):
            report(number, len(engines))
            columns.append(measure(engine, material, runs))
        report(len(engines), len(engines))
    return columns
