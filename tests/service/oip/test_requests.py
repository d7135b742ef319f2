"""Bodies taken apart: any layout that Triton's client makes, and all that no client should make."""

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from pydantic_core import from_json
from tritonclient.http import InferenceServerClient, InferInput

from service.oip.numbers import lighten
from service.oip.requests import Parsed, json_length, parse, parsed_bytes, raw
from service.oip.tensors import read_elements, read_floats
from service.problems import ProblemError

TENSOR = arrays(
    np.float32, array_shapes(max_dims=3, max_side=4), elements=st.floats(-1e6, 1e6, width=32, allow_nan=False)
)
BROKEN = [b"{", b"[1,2]", b"null", b"\xff\xfe", b'{"inputs": []}', b'{"inputs": 1}', b"[" * 10_000, b'"\\ud800"']


def body_of(*inputs: dict[str, Any], behind: bytes = b"", **more: Any) -> Parsed:  # noqa: ANN401  (JSON)
    return parse(lighten(json.dumps({"inputs": inputs, **more}).encode()), memoryview(behind))


def tensor(name: str = "x", size: int | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON)
    parameters = {} if size is None else {"parameters": {"binary_data_size": size}}
    return {"name": name, "shape": [1], "datatype": "FP32"} | parameters | more


@settings(deadline=None)
@given(st.lists(st.tuples(TENSOR, st.booleans()), min_size=1, max_size=5))
def test_any_layout_of_tritons_client_is_understood(tensors: list[tuple[NDArray[np.float32], bool]]) -> None:
    inputs = [
        InferInput(f"input{i}", list(values.shape), "FP32").set_data_from_numpy(values, binary_data=as_bytes)
        for i, (values, as_bytes) in enumerate(tensors)
    ]
    body, declared = InferenceServerClient.generate_request_body(inputs)
    length = json_length(body, declared)
    parsed = parse(lighten(body[:length]), memoryview(body)[length:])
    for i, (values, _) in enumerate(tensors):
        given_shape = parsed.request.inputs[i].shape
        np.testing.assert_array_equal(read_floats(given_shape, parsed.data[f"input{i}"]), values)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_a_raw_body_is_one_element(body: bytes) -> None:
    parsed = raw("sound", body)
    assert read_elements(parsed.request.inputs[0].shape, parsed.data["sound"]) == [body]
    assert parsed.request.parameters.binary_data_output


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(ProblemError):
        parse(lighten(body), memoryview(b""))


@pytest.mark.parametrize("text", BROKEN)
def test_broken_json_is_an_invalid_request(text: bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        parse(lighten(text), memoryview(b""))
    assert caught.value.code == "invalid_request"


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": [-1]}, {"shape": [2**63]}, {"shape": [1.5]}, {"shape": [True]}, {"shape": ["1"]},
        {"shape": [1] * 9}, {"shape": None}, {"name": 1}, {"datatype": None}, {"data": "text"}, {"data": {"0": 1}},
        {"parameters": {"binary_data_size": -1}}, {"parameters": {"binary_data_size": "4"}}, {"parameters": []},
    ],
)  # fmt: skip
def test_an_input_of_the_wrong_form_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ProblemError, match=r"^inputs\.0\."):
        body_of(tensor(data=[1.0]) | wrong)


@pytest.mark.parametrize(
    ("inputs", "behind", "sentence"),
    [
        ([tensor()], b"", "either `data` or"),
        ([tensor(size=4, data=[1.0])], bytes(4), "either `data` or"),
        ([tensor(size=4)], b"", "4 bytes of it are announced, and 0 are there"),
        ([tensor(size=4)], bytes(3), "4 bytes of it are announced, and 3 are there"),
        ([tensor("a", 4), tensor("b", 4)], bytes(7), "^b: 4 bytes of it are announced, and 3 are there"),
        ([tensor(size=2**62)], bytes(4), "are announced"),
        ([tensor(size=4)], bytes(5), "^1 bytes behind the JSON belong to no input"),
        ([tensor(data=[1.0])], b"\n", "^1 bytes behind the JSON belong to no input"),
        ([tensor(data=[1.0]), tensor(data=[1.0])], b"", "^x is given more than once"),
        ([tensor(parameters={"shared_memory_region": "r"})], b"", "shared memory is not supported"),
    ],
)
def test_a_wrong_layout_is_refused(inputs: list[dict[str, Any]], behind: bytes, sentence: str) -> None:
    with pytest.raises(ProblemError, match=sentence) as caught:
        body_of(*inputs, behind=behind)
    assert caught.value.code == "invalid_request"


def test_parameters_of_other_servers_are_let_pass() -> None:
    extra = {"sequence_id": 7, "priority": 1, "triton_enable_empty_final_response": False}
    assert body_of(tensor(data=[1.0]), parameters=extra, model_name="m").request.parameters.timeout == 0


def test_the_length_of_the_json_cannot_exceed_the_body() -> None:
    with pytest.raises(
        ProblemError, match="Inference-Header-Content-Length is 3, but the whole body has only 2 bytes"
    ):
        json_length(b"{}", 3)


def test_without_a_length_all_of_the_body_is_json() -> None:
    assert json_length(b"{} ", None) == 3


def test_an_empty_body_is_called_so() -> None:
    with pytest.raises(ProblemError) as caught:
        json_length(b"", None)
    assert caught.value.code == "empty_body"


@pytest.mark.parametrize(
    "unit", ["0,", "0.1,", "1e1,", "-0.25,", "[],", "{},", "[[]],", '"",', '"a",', '"\u00e9",', '{"a":1},']
)
def test_what_parsing_takes_is_known_before(unit: str) -> None:
    assert_foreseen(f"[{unit * 20_000}0]")


@pytest.mark.parametrize("key", ["", "a"])
def test_what_different_strings_take_is_known_before(key: str) -> None:
    strings = [f'"{key}{i}"' for i in range(30_000)]
    assert_foreseen(f"[{','.join(strings)}]")
    assert_foreseen("{" + ",".join(f"{string}:[]" for string in strings) + "}")


@pytest.mark.parametrize("letter", ["a", "\u00e9", "\u20ac", "\U0001f600", "\\ud83d\\ude00"])
def test_what_a_wide_letter_makes_of_a_string_is_known_before(letter: str) -> None:
    assert_foreseen(f'["{"a" * 200_000}{letter}"]')


def assert_foreseen(text: str) -> None:
    encoded = text.encode()
    tracemalloc.start()
    try:
        parsed = from_json(encoded)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert parsed
    assert taken <= parsed_bytes(encoded) + 4096
