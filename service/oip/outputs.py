"""The model's answer in the protocol's words: the outputs that were asked for, in JSON or as bytes behind it."""

from typing import NamedTuple

import numpy as np
from pydantic_core import to_json

from contract.bundle import OUTPUTS
from service.engines.base import Samples
from service.judge import Row
from service.model import ServedModel
from service.oip.messages import BinarySize, Facts, InferRequest, InferResponse, OutputTensor, OutputWanted
from service.oip.tensors import BYTES, FLOATS, binary
from service.problems import ProblemError

LOGITS, EMBEDDING = OUTPUTS
PROBABILITIES = "probabilities"


class Wanted(NamedTuple):
    """One output, and how it is to be sent."""

    name: str
    as_bytes: bool
    best: int
    """So many of the highest values with their labels; 0 for the values themselves."""


class Answer(NamedTuple):
    """What goes over the wire."""

    body: bytes
    json_length: int | None
    """None where all of it is JSON."""


def widths(model: ServedModel) -> dict[str, int]:
    """The outputs that the model has, and how many numbers each says of a row."""
    classes = len(model.labels)
    embedding = {EMBEDDING: model.manifest.model.embedding} if model.manifest else {}
    return {LOGITS: classes} | embedding | {PROBABILITIES: classes}


def wanted_of(request: InferRequest, model: ServedModel) -> list[Wanted]:
    """All outputs, if none is named."""
    known = widths(model)
    as_bytes = request.parameters.binary_data_output
    if not request.outputs:
        return [Wanted(name, as_bytes, 0) for name in known]
    wanted: dict[str, Wanted] = {}
    for output in request.outputs:
        _check(output, known, wanted)
        own, best = output.parameters.binary_data, output.parameters.classification
        wanted[output.name] = Wanted(output.name, as_bytes if own is None else own, min(best, known[output.name]))
    return list(wanted.values())


def answer(
    request: InferRequest, wanted: list[Wanted], model: ServedModel, rows: list[list[Row]], facts: Facts
) -> Answer:
    """`rows` are the windows of each row of the request: what is said of several is the mean."""
    outputs, behind = [], []
    for one in wanted:
        tensor, data = _output(one, _values(one.name, rows), model.labels)
        outputs.append(tensor)
        behind.append(data)
    response = InferResponse(model_name=model.name, model_version=model.version, parameters=facts, outputs=outputs)
    if request.id is not None:
        response["id"] = request.id
    head = to_json(response)
    is_mixed = any(one.as_bytes for one in wanted)
    return Answer(b"".join([head, *behind]), len(head) if is_mixed else None)


def _check(output: OutputWanted, known: dict[str, int], others: dict[str, Wanted]) -> None:
    name = output.name[:50]
    if output.name not in known:
        raise _wrong(f"{name}: the model has no such output; it gives {', '.join(known)}.")
    if output.name in others:
        raise _wrong(f"{name} is asked for more than once.")
    if output.parameters.shared_memory_region is not None:
        raise _wrong(f"{name}: shared memory is not supported; take the data from the body.")
    if output.parameters.classification and output.name == EMBEDDING:
        raise _wrong(f"{name}: its numbers are no classes; ask for the classification of {PROBABILITIES}.")


def _values(name: str, rows: list[list[Row]]) -> Samples:
    parts = [[getattr(window, name) for window in windows] for windows in rows]
    means = [part[0] if len(part) == 1 else np.mean(part, axis=0) for part in parts]
    return np.asarray(means, np.float32)


def _output(one: Wanted, values: Samples, labels: tuple[str, ...]) -> tuple[OutputTensor, bytes]:
    """The tensor, and what of it stands behind the JSON."""
    named = [text for row in values for text in _best(row, one.best, labels)]
    if one.best:
        tensor = OutputTensor(name=one.name, datatype=BYTES, shape=[len(values), one.best])
    else:
        tensor = OutputTensor(name=one.name, datatype=FLOATS, shape=list(values.shape))
    if not one.as_bytes:
        tensor["data"] = named or values.ravel().tolist()
        return tensor, b""
    data = binary([text.encode() for text in named] if one.best else values)
    tensor["parameters"] = BinarySize(binary_data_size=len(data))
    return tensor, data


def _best(values: Samples, count: int, labels: tuple[str, ...]) -> list[str]:
    """As Triton writes them."""
    order = np.argsort(-values, kind="stable")[:count].tolist()
    return [f"{values[i]:f}:{i}:{labels[i]}" for i in order]


def _wrong(sentence: str) -> ProblemError:
    return ProblemError("invalid_request", sentence)
