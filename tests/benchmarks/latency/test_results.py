"""Figures follow from runs, and those that cannot be had are left out; tables and pictures show them."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.image import imread

from benchmarks.latency import tables, terminal
from benchmarks.latency.floors import Peaks
from benchmarks.latency.operations import Work
from benchmarks.latency.peaks import COPIES
from benchmarks.latency.pictures import draw
from benchmarks.latency.results import Found, Timings
from benchmarks.latency.words import PICTURES, sections
from benchmarks.page import Page
from export.part import FRONT_END, NETWORK, WHOLE
from tests.benchmarks.latency.results import found, latencies

INT8 = found("onnx-int8", 6.0)
COMPILED = found("torch-compile", 9.0, parts=False)
PLAN = found("tensorrt", 0.3, parts=False)


def test_the_median_is_that_of_the_rounds_medians() -> None:
    timings = Timings(((1.0, 2.0, 9.0), (3.0, 3.0, 3.0), (4.0, 50.0, 60.0)))
    assert timings.medians == (2.0, 3.0, 50.0)
    assert timings.p50 == 3.0
    assert timings.runs == 9
    assert math.isnan(timings.device_p50)


def test_percentiles_are_left_out_where_there_are_too_few_runs() -> None:
    few, some, many = (Timings((tuple(map(float, range(runs))),)) for runs in (19, 99, 101))
    assert math.isnan(few.percentile(95))
    assert some.percentile(95) == pytest.approx(93.1)
    assert math.isnan(some.percentile(99))
    assert many.percentile(99) == 99


def test_the_floor_is_the_larger_of_arithmetic_and_memory() -> None:
    peaks = Peaks({"float32": 1e9, "int8": 4e9, COPIES[2**29]: 1e9})
    work = Work({"float32": 1e6, "int8": 8e6}, weight_bytes=10e6, value_bytes=1e6)
    assert peaks.compute_ms(work, 2) == pytest.approx(2 * (1 + 2))
    assert peaks.memory_ms(work, 2) == pytest.approx(10 + 2)
    assert peaks.floor_ms(work, 2) == pytest.approx(12)
    assert peaks.floor_ms(work, 10) == pytest.approx(30)
    assert math.isnan(peaks.floor_ms(None, 1))


def test_bytes_are_held_to_the_best_copy_of_as_many_or_more() -> None:
    peaks = Peaks({COPIES[2**20]: 2e9, COPIES[2**22]: 8e9, COPIES[2**26]: 1e9})
    assert peaks.bytes_per_s(2**19) == peaks.bytes_per_s(2**22) == 8e9  # one of 1 MiB was all call
    assert peaks.bytes_per_s(2**22 + 1) == peaks.bytes_per_s(2**26) == peaks.bytes_per_s(2**40) == 1e9
    small = Work({}, weight_bytes=2**20, value_bytes=2**20)
    assert peaks.memory_ms(small, 3) == pytest.approx(1000 * 2**22 / 8e9)
    assert peaks.memory_ms(small, 4) == pytest.approx(1000 * 5 * 2**20 / 1e9)
    assert math.isnan(Peaks({}).bytes_per_s(1))


def test_a_peak_is_the_best_of_all_rounds() -> None:
    assert Peaks.of([{"float32": 2.0, "int8": 5.0}, {"float32": 3.0, "int8": 4.0}]).per_s == {
        "float32": 3.0, "int8": 5.0,
    }  # fmt: skip


def test_each_place_has_one_series() -> None:
    series = {one.name: one for one in INT8.series()}
    assert series["ONNX Runtime INT8/batch 8/p50"].median == pytest.approx(48)
    assert series["ONNX Runtime INT8, front end/batch 1/p50"].median == pytest.approx(2)
    assert len(series) == 2 * 3


def test_every_figure_of_a_lone_clip_stands_in_its_line() -> None:
    table = tables.at_smallest(latencies(INT8, COMPILED))
    lines = {row[0]: dict(zip(table.head, row, strict=True)) for row in table.rows}
    int8 = lines["ONNX Runtime INT8"]
    assert int8["p50 ms"] == pytest.approx(6)
    assert int8["95 % interval"] == "5.4 to 6.6"
    assert int8["p99"] == pytest.approx(6.6)
    assert int8["clips/s"] == pytest.approx(1000 / 6)
    assert int8["× real time"] == pytest.approx(5000 / 6)
    assert int8["front end ms"] == pytest.approx(2)
    assert int8["network ms"] == pytest.approx(4)
    assert int8["floor ms"] == pytest.approx(3)
    assert int8["p50 ÷ floor"] == pytest.approx(2)
    assert math.isnan(float(str(lines["torch.compile"]["front end ms"])))


def test_the_gpus_own_clock_has_a_column_where_there_is_a_gpu() -> None:
    assert "p50 by GPU clock" not in tables.by_batch(latencies(INT8)).head
    table = tables.by_batch(latencies(INT8, PLAN))
    last = dict(zip(table.head, table.rows[-1], strict=True))
    assert last["engine"] == "TensorRT FP16"
    assert last["p50 by GPU clock"] == pytest.approx(8 * 0.3 / 2)


def test_parts_have_floors_of_their_own() -> None:
    table = tables.apart(latencies(INT8, COMPILED))
    (lone, eight) = table.rows
    assert lone[:2] == ["ONNX Runtime INT8", 1]
    assert all(cell == pytest.approx(value) for cell, value in zip(lone[2:], (2, 1, 2, 4, 2, 2), strict=True))
    assert eight[2] == pytest.approx(16)


def test_the_page_says_whose_accuracy_it_is_and_what_is_not_here() -> None:
    page = Page("Latency", [], sections(latencies(INT8, COMPILED)))
    for text in (page.as_markdown(), page.as_html()):
        assert "86.65" in text
        assert "folds 1, 2" in text
        assert "20 at 1, 10 at 8" in text
        assert "not here: no NVIDIA GPU is seen here" in text
        assert all(file in text for file in PICTURES)


def test_what_took_too_long_is_a_dash_with_a_reason() -> None:
    slow = replace(found("torch", 200.0), too_slow={16: 3.21})
    all_ = latencies(INT8, slow)
    table = tables.by_batch(all_)
    assert table.rows[-1] == ["PyTorch eager", 16, *[None] * (len(table.head) - 2)]
    reason = "PyTorch eager is left out from batch 16 on: one run takes 3.2 s."
    assert reason in Page("Latency", [], sections(all_)).as_markdown()
    assert reason in terminal.sentences(all_)


def test_the_terminal_is_told_the_same_in_less() -> None:
    all_ = latencies(INT8, COMPILED)
    shown = dict(terminal.tables(all_))
    assert list(map(list, shown["p50 by batch, ms"].rows)) == [["onnx-int8", 6, 48], ["torch-compile", 9, 72]]
    assert list(shown["clips per second by batch"].rows[0]) == [
        "onnx-int8",
        pytest.approx(1000 / 6),
        pytest.approx(1000 / 6),
    ]
    assert list(shown["to begin with, and answers in %"].rows[1])[2] == pytest.approx(29.5)
    assert "tensorrt: not here: no NVIDIA GPU is seen here" in terminal.sentences(all_)


@pytest.mark.parametrize("engines", [(INT8, COMPILED), (INT8, COMPILED, PLAN)], ids=["cpu", "gpu too"])
def test_every_picture_shows_something(engines: tuple[Found, ...], tmp_path: Path) -> None:
    draw(latencies(*engines), tmp_path)
    for file in PICTURES:
        points = imread(tmp_path / file)
        assert points.shape[1] > 800
        assert points.std() > 0.03
        assert points[..., :3].std(axis=-1).max() > 0.1, "all of it is grey"


def test_every_part_is_in_the_work_that_is_told() -> None:
    told = [str(row[0]) for row in tables.floor(latencies(INT8)).rows]
    for part in (WHOLE, FRONT_END, NETWORK):
        assert f"model.int8.onnx, {part}, float32" in told
    assert "processor, bytes, 512 MiB at once" in told
