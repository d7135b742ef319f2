"""Proves that the graphs of a bundle are what its manifest says of them, by running them."""

from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort

from contract.bundle import Bundle, BundleError
from contract.manifest import metadata_of
from export.session import Session

_NOT_RUNNABLE = (
    DecodeError, onnx.checker.ValidationError, ValueError, LookupError, ort.Fail, ort.InvalidArgument,
    ort.InvalidGraph, ort.InvalidProtobuf, ort.NotImplemented, ort.RuntimeException,
)  # fmt: skip
_BATCHES = (1, 64)  # the fewest and the most that a service asks at once


def try_graphs(bundle: Bundle) -> list[str]:
    """Load each graph, let it hear silence, and return the names of those that answered: all of them."""
    names = [name for name in bundle.manifest.files if name.endswith(".onnx")]
    for name in names:
        _try(bundle, name)
    return names


def _try(bundle: Bundle, name: str) -> None:
    try:
        graph = onnx.load_model(bundle.path(name))
        answers = _answers(graph, bundle.manifest.audio.window_samples)
    except _NOT_RUNNABLE as error:
        raise BundleError(f"{name} does not run: {str(error).strip().splitlines()[0]}") from error
    for batch, (logits, embedding) in zip(_BATCHES, answers, strict=True):
        found = logits.shape, embedding.shape
        if found != ((batch, len(bundle.manifest.labels)), (batch, bundle.manifest.model.embedding)):
            raise BundleError(f"{name} answers with shapes {found}, which is not what the manifest says")
        if not (np.isfinite(logits).all() and np.isfinite(embedding).all()):
            raise BundleError(f"{name} answers silence with what is no number: it is broken")
    _require_agreement(bundle, name, graph)


def _require_agreement(bundle: Bundle, name: str, graph: onnx.ModelProto) -> None:
    """The manifest has no checksum of its own, but each graph says the same as it does."""
    told = {entry.key: entry.value for entry in graph.metadata_props}
    for key, value in metadata_of(bundle.manifest).items():
        if told.get(key) != value:
            raise BundleError(f"{name} and the manifest do not agree on {key}: one of them was changed")


def _answers(graph: onnx.ModelProto, samples: int) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """To silence, in batches."""
    onnx.checker.check_model(graph)
    takes = [value.type.tensor_type.elem_type for value in graph.graph.input]
    if not takes or not takes[0]:
        raise ValueError("it takes no tensor")
    kind = onnx.helper.tensor_dtype_to_np_dtype(takes[0])
    session = Session(graph)
    return [session(np.zeros((batch, samples), kind)) for batch in _BATCHES]
