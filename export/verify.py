"""Proves that the graphs of a bundle are what its manifest says of them, by running them."""

import numpy as np
import onnx

from contract.bundle import Bundle, BundleError
from export.graph import INPUT
from export.session import Session

_BATCHES = (1, 64)  # the fewest and the most that a service asks at once


def try_graphs(bundle: Bundle) -> list[str]:
    """Load each graph, let it hear silence, and return the names of those that answered: all of them."""
    names = [name for name in bundle.manifest.files if name.endswith(".onnx")]
    for name in names:
        _try(bundle, name)
    return names


def _try(bundle: Bundle, name: str) -> None:
    manifest = bundle.manifest
    graph = onnx.load_model(bundle.path(name))
    onnx.checker.check_model(graph)
    kind = onnx.helper.tensor_dtype_to_np_dtype(graph.graph.input[0].type.tensor_type.elem_type)
    session = Session(graph)
    for batch in _BATCHES:
        logits, embedding = session(np.zeros((batch, manifest.audio.window_samples), kind))
        found = (logits.shape, embedding.shape)
        if found != ((batch, len(manifest.labels)), (batch, manifest.model.embedding)):
            raise BundleError(f"{name} answers {INPUT} with shapes {found}, which is not what the manifest says")
