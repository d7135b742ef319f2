"""The graphs of a bundle, taken apart and counted before anything is timed."""

from pathlib import Path

import onnx

from benchmarks.latency.halves import cut
from benchmarks.latency.makers import HALF_FILES
from benchmarks.latency.operations import Work, count
from contract.bundle import FLOAT_GRAPH, HALF_GRAPH, INT8_GRAPH, Bundle
from contract.errors import EarshotError
from export.part import FRONT_END, NETWORK, WHOLE, Part

Works = dict[str, dict[Part, Work]]
"""By graph, and by what was counted of it: the whole, and its parts where it could be cut."""


def take_apart(bundle: Bundle, folder: Path) -> Works:
    """Keep both halves of every graph in a folder of its name, and count what each has to do."""
    works: Works = {}
    for name in (FLOAT_GRAPH, INT8_GRAPH, HALF_GRAPH):
        if name not in bundle.manifest.files:
            continue
        graph = onnx.load(bundle.path(name))
        works[name] = {WHOLE: count(graph)}
        try:
            halves = cut(graph)
        except EarshotError:
            continue  # it is timed as a whole
        for part, half in ((FRONT_END, halves.front_end), (NETWORK, halves.network)):
            file = folder / name / HALF_FILES[part]
            file.parent.mkdir(exist_ok=True)
            onnx.save(half, file)
            works[name][part] = count(half)
    return works
