"""Tensor data: whatever is written is read again, by us and by Triton's own functions, and nothing else passes."""

import base64

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

from service.oip.tensors import TensorError, binary, read_elements, read_floats

FLOATS = arrays(np.float32, array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6))
ELEMENTS = st.lists(st.binary(max_size=40), max_size=12)


@settings(deadline=None)
@given(FLOATS, st.integers(0, 7))
def test_numbers_survive_as_bytes_wherever_they_begin(values: NDArray[np.float32], offset: int) -> None:
    body = bytes(offset) + binary(values)
    np.testing.assert_array_equal(read_floats(values.shape, memoryview(body)[offset:]), values)


@settings(deadline=None)
@given(FLOATS)
def test_numbers_survive_in_json_flat_and_nested(values: NDArray[np.float32]) -> None:
    for data in (values.tolist(), values.ravel().tolist()):
        np.testing.assert_array_equal(read_floats(values.shape, data), values)


@settings(deadline=None)
@given(ELEMENTS)
def test_elements_survive_as_bytes_and_as_base64(elements: list[bytes]) -> None:
    shape = [len(elements)]
    assert read_elements(shape, memoryview(binary(elements))) == elements
    assert read_elements(shape, [base64.b64encode(element).decode() for element in elements]) == elements


@settings(deadline=None)
@given(ELEMENTS.filter(bool))
def test_elements_are_written_and_read_as_triton_does(elements: list[bytes]) -> None:
    theirs = serialize_byte_tensor(np.array(elements, object)).item()
    assert binary(elements) == theirs
    assert deserialize_bytes_tensor(binary(elements)).tolist() == elements


@settings(deadline=None)
@given(ELEMENTS.filter(bool), st.data())
def test_elements_that_are_cut_short_or_go_on_are_refused(elements: list[bytes], data: st.DataObject) -> None:
    whole = binary(elements)
    end = data.draw(st.integers(0, len(whole) - 1))
    for wrong in (whole[:end], whole + b"\0"):
        with pytest.raises(TensorError):
            read_elements([len(elements)], memoryview(wrong))


@settings(deadline=None)
@given(st.binary(max_size=64), st.integers(0, 9))
def test_arbitrary_bytes_are_read_or_refused(data: bytes, count: int) -> None:
    try:
        elements = read_elements([count], memoryview(data))
    except TensorError:
        return
    assert binary(elements) == data


@pytest.mark.parametrize("size", [0, 4, 11, 13, 16])
def test_bytes_must_fill_the_shape_exactly(size: int) -> None:
    with pytest.raises(TensorError, match=rf"\[1, 3\] of FP32 are 12 bytes, and {size} were sent"):
        read_floats([1, 3], memoryview(bytes(size)))


@pytest.mark.parametrize(
    "data", [[], [1.0], [1.0] * 5, [[1.0, 2.0]], [[1.0], [2.0, 3.0, 4.0]], [[1.0, 2.0], 3.0, 4.0]]
)
def test_json_must_fill_the_shape_exactly(data: list[object]) -> None:
    with pytest.raises(TensorError):
        read_floats([2, 2], data)


@pytest.mark.parametrize("wrong", ["1", None, [1.0], {}, 10**400])
def test_only_numbers_are_numbers(wrong: object) -> None:
    with pytest.raises(TensorError, match="not all numbers"):
        read_floats([2], [1.0, wrong])


@pytest.mark.parametrize("wrong", ["AA=A", "é", "AAA", 1, None, ["AAAA"]])
def test_only_base64_is_base64(wrong: object) -> None:
    with pytest.raises(TensorError, match="not all base64"):
        read_elements([2], ["AAAA", wrong])
