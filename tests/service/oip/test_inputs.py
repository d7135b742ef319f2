"""What is given to the model: rows that it can hear, and a sentence for each way to miss them."""

import base64
from typing import Any

import numpy as np
import pytest

from contract.audio import LOUDEST
from service.engines.base import Samples
from service.oip.inputs import rows_of
from service.oip.messages import InferRequest
from service.oip.requests import Parsed
from service.problems import ProblemError
from tests.service.oip.models import MODEL

MOST_ROWS = 3


def rows(*inputs: dict[str, Any]) -> Samples | list[bytes]:
    request = InferRequest.model_validate({"inputs": inputs})
    data = {tensor.name: tensor.data for tensor in request.inputs if tensor.data is not None}
    return rows_of(Parsed(request, dict(data)), MODEL, MOST_ROWS)


def waveform(count: int = 1, **more: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON)
    return {"name": "waveform", "shape": [count, 4], "datatype": "FP32", "data": [0.5] * 4 * count} | more


def audio(*files: bytes, **more: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON)
    data = [base64.b64encode(file).decode() for file in files]
    return {"name": "audio", "shape": [len(files)], "datatype": "BYTES", "data": data} | more


def test_samples_are_rows() -> None:
    np.testing.assert_array_equal(rows(waveform(2)), np.full((2, 4), 0.5, np.float32))


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_files_are_rows(shape: list[int]) -> None:
    assert rows(audio(b"one", b"two", shape=shape)) == [b"one", b"two"]


@pytest.mark.parametrize("shape", [[], [4], [0, 4], [1, 3], [1, 5], [4, 1], [1, 4, 1], [2, 2]])
def test_samples_of_another_shape_are_refused(shape: list[int]) -> None:
    with pytest.raises(ProblemError, match=r"^waveform: a shape of \[B, 4\] is wanted, with one row or more, not \["):
        rows(waveform(shape=shape))


@pytest.mark.parametrize("shape", [[], [0], [1, 2], [1, 1, 1]])
def test_files_of_another_shape_are_refused(shape: list[int]) -> None:
    with pytest.raises(ProblemError, match=r"^audio: a shape of \[B\] is wanted"):
        rows(audio(b"one", shape=shape))


@pytest.mark.parametrize("tensor", [waveform(MOST_ROWS + 1), audio(*[b""] * (MOST_ROWS + 1))])
def test_too_many_rows_are_too_long(tensor: dict[str, Any]) -> None:
    with pytest.raises(ProblemError, match="4 rows are more than 3") as caught:
        rows(tensor)
    assert caught.value.code == "too_long"


@pytest.mark.parametrize("tensor", [waveform(datatype="FP64"), waveform(datatype="fp32"), audio(datatype="FP32")])
def test_another_datatype_is_refused(tensor: dict[str, Any]) -> None:
    with pytest.raises(ProblemError, match=rf"^{tensor['name']}: .* is wanted, not {tensor['datatype']}"):
        rows(tensor)


def test_an_unknown_input_is_told_the_known() -> None:
    with pytest.raises(ProblemError, match=r"^input__0: the model has no such input"):
        rows(waveform(name="input__0"))


def test_one_kind_of_input_is_enough() -> None:
    with pytest.raises(ProblemError, match="Either waveform or audio"):
        rows(waveform(), audio(b"one"))


@pytest.mark.parametrize("sample", [float("nan"), float("inf"), float("-inf"), 2 * LOUDEST, -2 * LOUDEST, 1e300])
@pytest.mark.parametrize("place", [0, 3, 7])
def test_what_is_no_sample_is_refused(sample: float, place: int) -> None:
    data = [0.0] * 8
    data[place] = sample
    with pytest.raises(ProblemError, match=r"^waveform: it holds NaN, or samples far beyond full scale"):
        rows(waveform(2, data=data))


def test_data_that_do_not_fill_their_shape_are_told_by_name() -> None:
    with pytest.raises(ProblemError, match=r"^waveform: \[1, 4\] are 4 elements, and 3 were sent") as caught:
        rows(waveform(data=[0.0] * 3))
    assert caught.value.code == "invalid_request"
