"""What a request gives to the model: rows of samples, or whole sounds, each checked against what the model hears."""

from contract.audio import is_in_range
from contract.bundle import INPUT as WAVEFORM
from service.engines.base import Samples
from service.model import ServedModel
from service.oip.messages import InputTensor
from service.oip.requests import Parsed
from service.oip.tensors import BYTES, FLOATS, TensorError, read_elements, read_floats
from service.problems import ProblemError

AUDIO = "audio"
"""The input for whole files of any format, which the service decodes as it does for /v1/classify."""

DATATYPES = {WAVEFORM: FLOATS, AUDIO: BYTES}


def rows_of(parsed: Parsed, model: ServedModel, most_rows: int) -> Samples | list[bytes]:
    """Samples [B, window], or B files."""
    tensor = _only(parsed.request.inputs)
    if tensor.datatype != DATATYPES[tensor.name]:
        raise _wrong(tensor, f"{DATATYPES[tensor.name]} is wanted, not {tensor.datatype[:50]}")
    _check_shape(tensor, model, most_rows)
    try:
        if tensor.name == AUDIO:
            return read_elements(tensor.shape, parsed.data[AUDIO])
        samples = read_floats(tensor.shape, parsed.data[WAVEFORM])
    except TensorError as error:
        raise _wrong(tensor, str(error)) from None
    if not is_in_range(samples):
        raise _wrong(tensor, "it holds NaN, or samples far beyond full scale, which is −1 to 1")
    return samples


def _only(inputs: list[InputTensor]) -> InputTensor:
    for tensor in inputs:
        if tensor.name not in DATATYPES:
            raise _wrong(tensor, f"the model has no such input; it takes {' or '.join(DATATYPES)}")
    if len(inputs) > 1:
        raise ProblemError("invalid_request", f"Either {' or '.join(DATATYPES)} is wanted, not both.")
    return inputs[0]


def _check_shape(tensor: InputTensor, model: ServedModel, most_rows: int) -> None:
    rows, *rest = tensor.shape or [0]
    if tensor.name == WAVEFORM:
        fits, wanted = rest == [model.window_samples], f"[B, {model.window_samples}]"
    else:
        fits, wanted = rest in ([], [1]), "[B]"
    if not fits or rows < 1:
        raise _wrong(tensor, f"a shape of {wanted} is wanted, with one row or more, not {tensor.shape}")
    if rows > most_rows:
        raise ProblemError("too_long", f"{tensor.name}: {rows} rows are more than {most_rows}, the most at once.")


def _wrong(tensor: InputTensor, what: str) -> ProblemError:
    return ProblemError("invalid_request", f"{tensor.shown}: {what}.")
