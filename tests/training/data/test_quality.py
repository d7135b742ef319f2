"""Clips with known faults, each found and none accused wrongly."""

import csv
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from training.data.dataset import load_dataset
from training.data.quality import QualityReport, inspect, inspect_clip

RATE = 8000
HUM = 0.25 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good clips and one of each fault; the names tell which."""
    root = tmp_path_factory.mktemp("faults") / "sounds"
    folder = root / "hum"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.3, 0.3, RATE)
    peak = HUM.copy()
    peak[100] = 1
    soundfile.write(folder / "good.wav", HUM, RATE)
    soundfile.write(folder / "silent.wav", rng.uniform(-1e-4, 1e-4, RATE), RATE)
    soundfile.write(folder / "zeros.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "clipped.wav", (8 * HUM).clip(-1, 1), RATE)
    soundfile.write(folder / "one-peak.wav", peak, RATE)
    soundfile.write(folder / "twin-a.wav", noise, RATE)
    soundfile.write(folder / "twin-b.wav", np.concatenate([np.zeros(500), noise, np.zeros(70)]), RATE)
    soundfile.write(folder / "stereo.wav", np.stack([np.tile(HUM, 12), np.tile(-0.5 * HUM, 12)], axis=1), 48_000)
    (folder / "broken.wav").write_bytes(b"this is not audio")
    return root


@pytest.fixture(scope="module")
def report(faults: Path) -> QualityReport:
    return inspect(load_dataset(faults))


def test_silence(report: QualityReport) -> None:
    assert [Path(clip.file).name for clip in report.mostly_silent] == ["silent.wav", "zeros.wav"]


def test_clipping_but_not_a_single_peak(report: QualityReport) -> None:
    assert [Path(clip.file).name for clip in report.clipped] == ["clipped.wav"]


def test_twins_whatever_silence_stands_around_them(report: QualityReport) -> None:
    assert [[Path(clip.file).name for clip in twins] for twins in report.twins] == [["twin-a.wav", "twin-b.wav"]]


def test_a_file_that_cannot_be_read(report: QualityReport) -> None:
    (clip,) = report.unreadable

    assert Path(clip.file).name == "broken.wav"
    assert clip.category == "hum"
    assert clip.problem
    assert clip not in report.readable


def test_rate_and_channels(report: QualityReport) -> None:
    (stereo,) = [clip for clip in report.clips if clip.channels == 2]

    assert Path(stereo.file).name == "stereo.wav"
    assert stereo.sample_rate == 48_000
    assert stereo.seconds == 2


def test_levels(report: QualityReport) -> None:
    (good,) = [clip for clip in report.clips if Path(clip.file).name == "good.wav"]

    assert good.peak_db == pytest.approx(-12.04, abs=0.01)
    assert good.level_db == pytest.approx(-15.05, abs=0.01)
    assert good.silent_share == 0
    assert good.clipped_share == 0


def test_digital_silence_has_the_level_of_the_scales_end(report: QualityReport) -> None:
    (zeros,) = [clip for clip in report.clips if Path(clip.file).name == "zeros.wav"]

    assert zeros.level_db == -100
    assert zeros.silent_share == 1


def test_spread_and_count_leave_unreadable_clips_out(report: QualityReport) -> None:
    assert report.spread("seconds") == (1.0, 1.0, 2.0)
    assert report.count("sample_rate") == [(8000, 7), (48_000, 1)]
    assert report.count("channels") == [(1, 7), (2, 1)]


def test_one_row_of_csv_per_clip(report: QualityReport, tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "facts.csv"
    report.write_csv(target)
    with target.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    assert [row["file"] for row in rows] == [clip.file for clip in report.clips]
    assert [float(row["level_db"]) for row in rows] == [clip.level_db for clip in report.clips]
    assert [Path(row["file"]).name for row in rows if row["problem"]] == ["broken.wav"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are Unicode")
def test_a_name_that_is_not_utf_8_is_written_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "facts.csv"
    QualityReport((inspect_clip(tmp_path / os.fsdecode(b"caf\xe9.wav"), "cup"),)).write_csv(target)

    assert b"caf\xe9.wav" in target.read_bytes()


def test_progress_goes_up_to_the_total(faults: Path) -> None:
    seen: list[tuple[int, int]] = []
    inspect(load_dataset(faults), progress=lambda done, total: seen.append((done, total)))

    assert seen == [(done, 9) for done in range(1, 10)]


def test_a_data_set_without_a_readable_clip(tmp_path: Path) -> None:
    (tmp_path / "hum").mkdir()
    (tmp_path / "hum" / "empty.wav").touch()
    report = inspect(load_dataset(tmp_path))

    assert len(report.unreadable) == 1
    assert all(math.isnan(value) for value in report.spread("seconds"))
    assert report.count("channels") == []


@pytest.mark.parametrize("length", [1, 2, 100])
def test_a_clip_shorter_than_a_frame(tmp_path: Path, length: int) -> None:
    soundfile.write(tmp_path / "click.wav", np.full(length, 0.5), RATE)
    facts = inspect_clip(tmp_path / "click.wav", "click")

    assert facts.seconds == length / RATE
    assert facts.peak_db == pytest.approx(-6.02, abs=0.01)
    assert facts.silent_share == 0


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "No such file" in inspect_clip(tmp_path / "gone.wav", "hum").problem


def test_real_clips_are_readable_and_no_two_are_the_same(esc10_mini: Path) -> None:
    report = inspect(load_dataset(esc10_mini))

    assert report.unreadable == []
    assert report.twins == []
    assert report.count("sample_rate") == [(44_100, 40)]
    assert report.spread("seconds") == pytest.approx((5, 5, 5), abs=0.11)
