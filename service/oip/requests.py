"""Takes the body of an inference request apart: the JSON in front, and the bytes of each tensor behind it.

What the tensors are called and what they mean is not looked at here.
"""

from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import from_json

from service.oip.messages import InferParameters, InferRequest, InputTensor
from service.oip.numbers import Lightened
from service.oip.tensors import BYTES, Data, binary
from service.problems import ProblemError, invalid

LENGTH_HEADER = "Inference-Header-Content-Length"

_BYTES_OF = {b",": 32, b'"': 96, b"[": 96, b"{": 192}
"""What parsing takes for each of these marks, at most: 32 are a number and its place in a list, two quotation marks a
string and its place in a dictionary, the others an empty list and a small dictionary.
"""

_WIDEST_LETTER = 4
"""Bytes for each letter of a string in which one is rare."""


class Parsed(NamedTuple):
    """A request whose parts fit together."""

    request: InferRequest
    data: dict[str, Data]
    """Of each input, by name; not looked into."""


def json_length(body: bytes, declared: int | None) -> int:
    """How much of the body is JSON."""
    if not body:
        raise ProblemError("empty_body", "There is no inference request: the body is empty.")
    if declared is not None and declared > len(body):
        raise _wrong(f"{LENGTH_HEADER} is {declared}, but the whole body has only {len(body)} bytes.")
    return len(body) if declared is None else declared


def parsed_bytes(text: bytes) -> int:
    """At most so many does JSON take for a moment when it is parsed, beside the text itself."""
    letters = len(text) * (1 if text.isascii() and b"\\u" not in text else _WIDEST_LETTER)
    return letters + sum(text.count(mark) * size for mark, size in _BYTES_OF.items())


def parse(given: Lightened, binary_data: memoryview) -> Parsed:
    """The JSON, and the tensors behind it."""
    try:
        request = InferRequest.model_validate(from_json(given.text))
    except ValidationError as error:
        raise invalid(error) from None
    except ValueError as error:
        raise _wrong(f"The JSON is broken: {error}.") from None
    return Parsed(request, _laid_out(request.inputs, given, binary_data))


def raw(name: str, body: bytes) -> Parsed:
    """A body without any JSON is one element of this input; as Triton has it, all outputs are wanted as bytes."""
    request = InferRequest(
        inputs=[InputTensor(name=name, shape=[1], datatype=BYTES)],
        parameters=InferParameters(binary_data_output=True),
    )
    return Parsed(request, {name: memoryview(binary([body]))})


def _laid_out(inputs: list[InputTensor], given: Lightened, binary_data: memoryview) -> dict[str, Data]:
    """Each input with its data, of which nothing may be missing or left over."""
    data: dict[str, Data] = {}
    place = 0
    for tensor in inputs:
        if tensor.name in data:
            raise _wrong(f"{tensor.shown} is given more than once.")
        size = _binary_size(tensor)
        if size > binary_data.nbytes - place:
            raise _wrong(
                f"{tensor.shown}: {size} bytes of it are announced, and {binary_data.nbytes - place} are there "
                f"behind the JSON; is its length in {LENGTH_HEADER}?"
            )
        in_json = given.back(tensor.data)
        data[tensor.name] = binary_data[place : place + size] if in_json is None else in_json
        place += size
    if place != binary_data.nbytes:
        raise _wrong(f"{binary_data.nbytes - place} bytes behind the JSON belong to no input.")
    return data


def _binary_size(tensor: InputTensor) -> int:
    """How much of what is behind the JSON belongs to it."""
    size = tensor.parameters.binary_data_size
    if tensor.parameters.shared_memory_region is not None:
        raise _wrong(f"{tensor.shown}: shared memory is not supported; send the data in the body.")
    if (tensor.data is None) == (size is None):
        raise _wrong(f"{tensor.shown}: either `data` or the parameter `binary_data_size` is wanted.")
    return size or 0


def _wrong(sentence: str) -> ProblemError:
    return ProblemError("invalid_request", sentence)
