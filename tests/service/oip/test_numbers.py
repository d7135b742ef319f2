"""Long lists of numbers are taken out of JSON, and nothing else of it is changed."""

import json
from array import array
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from service.oip import numbers
from service.oip.numbers import Lightened, NoNumbers, lighten

NUMBER = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63)
ROW = st.lists(NUMBER, min_size=1, max_size=60)
SPACING = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n\t", " :\r\n ")])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | st.text(max_size=5) | st.just('"data":[1,2]'),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3) | st.just("data"), inner, max_size=3)
    ),
    max_leaves=20,
)


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> Any:  # noqa: ANN401  (a generator)
    """So that short lists have several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbers, "_PIECE", 16)
        yield


def restored(part: Any, light: Lightened) -> Any:  # noqa: ANN401  (JSON)
    """The JSON as it was."""
    if isinstance(part, dict):
        return {key: restored(value, light) for key, value in part.items()}
    if not isinstance(part, list):
        return part
    given_back = light.back(part)
    if given_back is part:
        return [restored(item, light) for item in part]
    assert given_back
    return [list(row) if isinstance(row, array) else row for row in given_back]


def narrowed(part: Any) -> Any:  # noqa: ANN401  (JSON)
    """The same with numbers as FP32 has them."""
    if isinstance(part, dict):
        return {key: narrowed(value) for key, value in part.items()}
    if isinstance(part, list):
        return [narrowed(item) for item in part]
    return float(np.float32(part)) if isinstance(part, int | float) and not isinstance(part, bool) else part


@settings(deadline=None)
@given(ROW | st.lists(ROW, min_size=1, max_size=4), SPACING)
def test_numbers_are_taken_out_whatever_their_spacing(data: list[Any], spacing: tuple[str, str]) -> None:
    light = lighten(json.dumps({"x": 1, "data": data, "y": [2]}, separators=spacing).encode())
    left = from_json(light.text)
    assert list(left) == ["x", "data", "y"]
    assert len(left["data"]) == 1
    assert narrowed(restored(left, light)["data"]) == narrowed(data)
    assert light.size == 4 * (sum(map(len, data)) if isinstance(data[0], list) else len(data))


@settings(deadline=None, max_examples=300)
@given(JSON, SPACING)
def test_all_else_stays_as_it_is(whole: Any, spacing: tuple[str, str]) -> None:  # noqa: ANN401  (JSON)
    text = json.dumps(whole, separators=spacing).encode()
    try:
        light = lighten(text)
    except NoNumbers:
        assert b'"data"' in text  # with a list of numbers that goes on with something else
        return
    assert narrowed(restored(from_json(light.text), light)) == narrowed(whole)


@settings(deadline=None)
@given(st.text('[]{}",:-.eE0123456789 data\\\n', max_size=80))
def test_nothing_broken_is_made_whole(tail: str) -> None:
    text = ('{"data":[1,2' + tail).encode()
    try:
        light = lighten(text)
        left = from_json(light.text)
    except ValueError:
        return
    assert narrowed(restored(left, light)) == narrowed(from_json(text))


@pytest.mark.parametrize(
    "data",
    ["[1,]", "[1,,2]", "[01]", "[-]", "[1.]", '[1,"2"]', "[1,null]", "[1,{}]", "[1,[2]]", "[1 2]", "[[1,2],[3,]]"],
)
def test_what_is_no_list_of_numbers_is_refused(data: str) -> None:
    with pytest.raises(NoNumbers, match="A list of numbers"):
        lighten(f'{{"data":{data}}}'.encode())


@pytest.mark.parametrize("data", ["[]", "[[]]", '["MTIz"]', "[[[1]]]", "[null]", "{}", "[1", "[[1],2]", "1"])
def test_what_is_none_from_the_start_is_left_alone(data: str) -> None:
    text = f'{{"data":{data}}}'.encode()
    assert lighten(text) == (text, {})


def test_a_number_beyond_fp32_becomes_infinite() -> None:
    light = lighten(b'{"data":[1e39,-1e400]}')
    assert light.back(from_json(light.text)["data"]) == array("f", [float("inf"), float("-inf")])


def test_no_client_can_name_what_was_taken() -> None:
    light = lighten(b'{"data":[5,6],"other":[0]}')
    assert light.back([0]) == [0]
    assert light.back([True]) == [True]
    assert all(mark > 2**64 for mark in light.taken)


def test_more_lists_than_any_request_has_are_left_alone() -> None:
    light = lighten(b"[" + b",".join([b'{"data":[1,2]}'] * 100) + b"]")
    assert len(light.taken) == numbers.MOST_KEYS


def test_too_many_rows_are_left_alone() -> None:
    rows = ",".join(["[1]"] * (numbers.MOST_ROWS + 1))
    assert not lighten(f'{{"data":[{rows}]}}'.encode()).taken
