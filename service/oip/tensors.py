"""A tensor's data as the protocol sends them: in JSON, flat or nested, or as little-endian bytes behind it.

Only the two datatypes that the models here need. No shape is believed: the data must fill it exactly. What a tensor
means, and whether its shape is wanted, is not decided here.
"""

import base64
import binascii
import math
from array import array
from collections.abc import Sequence
from itertools import chain
from struct import Struct
from typing import Any, Final, TypeAlias

import numpy as np

from contract.errors import EarshotError
from service.engines.base import Samples
from service.oip.numbers import Numbers

FLOATS: Final = "FP32"
BYTES: Final = "BYTES"

Data: TypeAlias = "memoryview | list[Any] | Numbers"
"""Bytes from behind the JSON, or what stood in it: as lists, or lists whose numbers are arrays already."""

_FLOAT = np.dtype("<f4")
_LENGTH = Struct("<I")
"""Before each element of BYTES."""


class TensorError(EarshotError):
    """Data that do not fill their shape, or are not of their datatype; whoever knows the tensor's name adds it."""


def read_floats(shape: Sequence[int], data: Data) -> Samples:
    """Numbers of FP32; from bytes they are a view. Infinite ones and NaN are let pass."""
    if isinstance(data, memoryview):
        wanted = math.prod(shape) * _FLOAT.itemsize
        if data.nbytes != wanted:
            raise TensorError(f"{_shown(shape)} of {FLOATS} are {wanted} bytes, and {data.nbytes} were sent")
        return np.frombuffer(data, _FLOAT).reshape(shape)
    flat = _filling(shape, data)
    try:
        numbers = flat if isinstance(flat, array) else array("f", flat)
    except (TypeError, OverflowError):
        raise TensorError("its data are not all numbers in the range of FP32") from None
    return np.frombuffer(numbers, np.float32).reshape(shape)


def read_elements(shape: Sequence[int], data: Data) -> list[bytes]:
    """Elements of BYTES: each with its length before it, or in base64 inside of JSON."""
    if isinstance(data, memoryview):
        return _split(math.prod(shape), data)
    try:
        return [base64.b64decode(element, validate=True) for element in _filling(shape, data)]
    except (TypeError, ValueError, binascii.Error):
        raise TensorError("its data are not all base64, as bytes are written in JSON") from None


def binary(values: Samples | list[bytes]) -> bytes:
    """As they stand behind the JSON."""
    if isinstance(values, list):
        return b"".join(part for value in values for part in (_LENGTH.pack(len(value)), value))
    return values.astype(_FLOAT, copy=False).tobytes()


def _filling(shape: Sequence[int], data: Sequence[Any]) -> Sequence[Any]:
    """Flat, and exactly as much as the shape says."""
    flat = _flat(shape, data)
    if len(flat) != math.prod(shape):
        raise TensorError(f"{_shown(shape)} are {math.prod(shape)} elements, and {len(flat)} were sent")
    return flat


def _flat(shape: Sequence[int], data: Sequence[Any]) -> Sequence[Any]:
    if len(shape) < 2 or not data or not isinstance(data[0], list | array):
        return data
    rows, columns, *rest = shape
    if len(data) != rows or not all(isinstance(row, list | array) and len(row) == columns for row in data):
        raise TensorError(f"its data are not nested as {_shown(shape)}")
    return _flat((rows * columns, *rest), _joined(data))


def _joined(rows: Sequence[Any]) -> Sequence[Any]:
    if not all(isinstance(row, array) for row in rows):
        return list(chain.from_iterable(rows))
    numbers = array("f")
    for row in rows:
        numbers.extend(row)
    return numbers


def _split(count: int, data: memoryview) -> list[bytes]:
    elements: list[bytes] = []
    place = 0
    for _ in range(count):
        start = place + _LENGTH.size
        if start > data.nbytes or (place := start + _LENGTH.unpack_from(data, start - _LENGTH.size)[0]) > data.nbytes:
            raise TensorError(f"its bytes end in element {len(elements)} of {count}, each with its length before it")
        elements.append(bytes(data[start:place]))
    if place != data.nbytes:
        raise TensorError(f"after its {count} elements, {data.nbytes - place} bytes are left over")
    return elements


def _shown(shape: Sequence[int]) -> str:
    return f"[{', '.join(map(str, shape))}]"
