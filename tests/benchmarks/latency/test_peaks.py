"""A peak is the best of what was tried, and what is tried is real."""

import time
from functools import partial

import numpy as np
import pytest

from benchmarks.latency import peaks
from benchmarks.latency.peaks import BYTES, best, cpu_works


def test_a_peak_is_the_best_of_all_sizes() -> None:
    works = [("float32", 10.0, partial(time.sleep, 0.02)), ("float32", 10.0, partial(time.sleep, 0.005))]
    found = best([*works, (BYTES, 4.0, partial(time.sleep, 0.01))], seconds=0.03)
    assert found["float32"] == pytest.approx(10 / 0.005, rel=0.3)
    assert found[BYTES] == pytest.approx(4 / 0.01, rel=0.3)


@pytest.mark.parametrize("threads", [1, 2])
def test_products_and_copies_are_those_that_they_are_taken_for(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "_SIZES", (64,))
    monkeypatch.setattr(peaks, "_COPIED", 2**20)
    by_numpy, by_onnx, in_bytes, copy = cpu_works(threads)
    np.testing.assert_allclose(by_onnx[2]()[0], by_numpy[2](), rtol=1e-3, atol=1e-3)
    product = in_bytes[2]()[0]
    assert product.dtype == np.int32
    assert product.std() > 0
    copy[2]()
    assert [name for name, _, _ in (by_numpy, by_onnx, in_bytes, copy)] == ["float32", "float32", "int8", BYTES]
    assert by_numpy[1] == in_bytes[1] == 64**3
    assert copy[1] == 2 * 2**20
