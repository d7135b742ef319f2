"""Answers: the outputs that were asked for, each in the form that was asked for, as Triton's client reads them."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tritonclient.http import InferResult

from service.judge import Row
from service.oip.messages import Facts, InferRequest
from service.oip.outputs import Answer, answer, wanted_of, widths
from service.problems import ProblemError
from tests.service.oip.models import MODEL

FACTS = Facts(
    sha256="0",
    engine="onnx",
    precision="int8",
    decode_ms=0.0,
    queue_ms=0.0,
    engine_ms=0.0,
    total_ms=0.0,
    batch_size=1,
)
NUMBER = st.floats(-1e6, 1e6, width=32)
WINDOW = st.tuples(st.lists(NUMBER, min_size=3, max_size=3), st.lists(NUMBER, min_size=3, max_size=3))
FORM: st.SearchStrategy[dict[str, bool]] = st.sampled_from([{}, {"binary_data": False}, {"binary_data": True}])


def request(*outputs: dict[str, Any], **more: Any) -> InferRequest:  # noqa: ANN401  (JSON)
    tensor = {"name": "waveform", "shape": [1, 4], "datatype": "FP32"}
    return InferRequest.model_validate({"inputs": [tensor], "outputs": outputs, **more})


def row(logits: list[float], shares: list[float]) -> Row:
    return Row(np.array(logits, np.float32), None, np.array(shares), None)


def said(asked: InferRequest, *rows: list[Row]) -> Answer:
    return answer(asked, wanted_of(asked, MODEL), MODEL, list(rows), FACTS)


def read(one: Answer) -> InferResult:
    return InferResult.from_response_body(one.body, header_length=one.json_length)


@settings(deadline=None)
@given(
    st.lists(WINDOW, min_size=1, max_size=4),
    st.permutations(["logits", "probabilities"]),
    st.tuples(FORM, FORM),
    st.booleans(),
)
def test_any_form_says_the_same(
    windows: list[tuple[list[float], list[float]]],
    names: list[str],
    forms: tuple[dict[str, bool], ...],
    default: bool,
) -> None:
    asked = request(
        *[{"name": name, "parameters": form} for name, form in zip(names, forms, strict=True)],
        parameters={"binary_data_output": default},
    )
    result = read(said(asked, *[[row(*window)] for window in windows]))
    assert [output["name"] for output in result.get_response()["outputs"]] == names
    np.testing.assert_array_equal(result.as_numpy("logits"), np.array([w[0] for w in windows], np.float32))
    np.testing.assert_array_equal(result.as_numpy("probabilities"), np.array([w[1] for w in windows], np.float32))


def test_json_without_binary_data_is_json_alone() -> None:
    one = said(request(), [row([1, 2, 3], [0.2, 0.3, 0.5])])
    assert one.json_length is None
    assert [output["name"] for output in json.loads(one.body)["outputs"]] == list(widths(MODEL))


def test_what_is_said_of_several_windows_is_their_mean() -> None:
    result = read(said(request(), [row([1, 2, 3], [0, 0, 1]), row([3, 2, 1], [0, 1, 0])]))
    np.testing.assert_array_equal(result.as_numpy("logits"), [[2, 2, 2]])
    np.testing.assert_array_equal(result.as_numpy("probabilities"), [[0, 0.5, 0.5]])


@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize(("count", "wanted"), [(1, 1), (2, 2), (99, 3)])
def test_the_best_are_named(*, as_bytes: bool, count: int, wanted: int) -> None:
    parameters = {"classification": count, "binary_data": as_bytes}
    result = read(
        said(request({"name": "probabilities", "parameters": parameters}), [row([1, 2, 3], [0.2, 0.5, 0.3])])
    )
    best = ["0.500000:1:rooster", "0.300000:2:rain", "0.200000:0:dog"][:wanted]
    named = result.as_numpy("probabilities")
    assert named.shape == (1, wanted)
    assert [text.decode() if as_bytes else text for text in named[0]] == best


def test_the_id_comes_back_if_there_is_one() -> None:
    some = [row([1, 2, 3], [0.2, 0.3, 0.5])]
    assert json.loads(said(request(id=""), some).body)["id"] == ""
    assert "id" not in json.loads(said(request(), some).body)


@pytest.mark.parametrize(
    ("outputs", "sentence"),
    [
        ([{"name": "scores"}], "^scores: the model has no such output; it gives logits, probabilities"),
        ([{"name": "embedding"}], "^embedding: the model has no such output"),
        ([{"name": "logits"}, {"name": "logits"}], "^logits is asked for more than once"),
        ([{"name": "logits", "parameters": {"shared_memory_region": "r"}}], "shared memory is not supported"),
    ],
)
def test_what_cannot_be_answered_is_refused(outputs: list[dict[str, Any]], sentence: str) -> None:
    with pytest.raises(ProblemError, match=sentence):
        wanted_of(request(*outputs), MODEL)
