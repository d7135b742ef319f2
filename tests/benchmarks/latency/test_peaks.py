"""A peak is the best of what was tried, and what is tried is real."""

import time
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.latency import peaks
from benchmarks.latency.peaks import best, cpu_works


def test_a_peak_is_the_best_of_all_sizes() -> None:
    works = [("float32", 10.0, partial(time.sleep, 0.02)), ("float32", 10.0, partial(time.sleep, 0.005))]
    found = best([*works, ("int8", 4.0, partial(time.sleep, 0.01))], seconds=0.03)
    assert found["float32"] == pytest.approx(10 / 0.005, rel=0.3)
    assert found["int8"] == pytest.approx(4 / 0.01, rel=0.3)


@pytest.mark.parametrize("threads", [1, 2])
def test_products_and_copies_are_those_that_they_are_taken_for(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "_SIZES", (64,))
    monkeypatch.setattr(peaks, "COPIES", {2**20: "small", 2**21: "large"})
    monkeypatch.setattr(peaks, "_COPIED", 2**20)
    by_numpy, by_onnx, in_bytes, *copies = cpu_works(threads)
    np.testing.assert_allclose(by_onnx[2]()[0], by_numpy[2](), rtol=1e-3, atol=1e-3)
    product = in_bytes[2]()[0]
    assert product.dtype == np.int32
    assert product.std() > 0
    for _, _, copy in copies:
        copy()
    assert [name for name, _, _ in (by_numpy, by_onnx, in_bytes)] == ["float32", "float32", "int8"]
    assert by_numpy[1] == in_bytes[1] == 64**3
    assert [(name, amount) for name, amount, _ in copies] == [("small", 2 * 2**20), ("large", 2 * 2**20)]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_run_copies_every_byte_as_often_as_it_says(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "_COPIED", 4000)
    copied: list[int] = []

    def copy_and_count(there: NDArray[np.uint8], here: NDArray[np.uint8]) -> None:
        there[:] = here
        copied.append(here.size)

    monkeypatch.setattr(np, "copyto", copy_and_count)
    peaks._copies(1000, threads)()
    assert sum(copied) == 4000
    assert len(copied) == 4 * threads
