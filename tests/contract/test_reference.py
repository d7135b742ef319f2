"""What is kept of the training data: round trip, damage, distances and bins by hand."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.confidence import probabilities
from contract.errors import EarshotError
from contract.features import FLOOR_DB, features
from contract.reference import EmbeddingStatistics, Histogram, Reference, ReferenceFileError, load_reference

RATE = 32_000
SECOND = np.arange(RATE) / RATE


def reference() -> Reference:
    """Two classes, one on each of the first two axes."""
    statistics = EmbeddingStatistics(np.eye(3, dtype=np.float32) * 2, np.eye(3, dtype=np.float32)[:2] * 2)
    histograms = {"level_db": Histogram.of(np.linspace(-60, 0, 100)), "confidence": Histogram.of(np.ones(5))}
    return Reference(statistics, np.array([3, 4]), histograms)


def test_distance_is_to_the_nearest_class_and_of_directions_only() -> None:
    embedding = np.array([[1, 0, 0], [0, 7, 0], [0, 0, 0.1], [0, 0, 0]], np.float32)
    assert reference().distance(embedding) == pytest.approx([0, 0, np.sqrt(8), 2], abs=1e-3)


def test_round_trip(tmp_path: Path) -> None:
    before = reference()
    before.save(tmp_path / "reference.npz")
    after = load_reference(tmp_path / "reference.npz")
    assert np.array_equal(after.statistics.whitening, before.statistics.whitening)
    assert np.array_equal(after.statistics.means, before.statistics.means)
    assert after.predicted.tolist() == [3, 4]
    assert after.histograms.keys() == before.histograms.keys()
    for name, histogram in before.histograms.items():
        assert np.array_equal(after.histograms[name].edges, histogram.edges)
        assert np.array_equal(after.histograms[name].counts, histogram.counts)


def test_the_same_statistics_make_the_same_bytes(tmp_path: Path) -> None:
    reference().save(tmp_path / "a.npz")
    reference().save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_damaged_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "reference.npz"
    reference().save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(whole), 40):
        path.write_bytes(whole[:position])
        with pytest.raises(ReferenceFileError, match=r"reference\.npz is damaged"):
            load_reference(path)
    start = whole.index(reference().statistics.whitening.tobytes())
    path.write_bytes(whole[:start] + b"\x7f" + whole[start + 1 :])
    with pytest.raises(ReferenceFileError, match="damaged"):
        load_reference(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04N.", b"\x93NUMPY\x01\x00"], ids=repr)
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "reference.npz").write_bytes(content)
    with pytest.raises(ReferenceFileError, match=r"no \.npz"):
        load_reference(tmp_path / "reference.npz")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"schema": np.int64(2)}, "schema 2"),
        ({"means": np.full((2, 3), np.nan)}, "means is not made of finite numbers"),
        ({"means": np.ones((2, 4))}, "does not fit"),
        ({"predicted": np.array([-1])}, "predicted is not made of counts"),
        ({"predicted": np.array([None])}, "Object arrays"),
        ({"histogram/level_db/edges": np.zeros(19)}, "the bins of histogram/level_db"),
    ],
)
def test_statistics_that_cannot_be_are_refused(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    path = tmp_path / "reference.npz"
    reference().save(path)
    with np.load(path) as content:
        arrays = dict(content)
    np.savez(path, allow_pickle=True, **(arrays | changed))
    with pytest.raises(ReferenceFileError, match=said):
        load_reference(path)


def test_a_missing_array_and_a_missing_file_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", schema=np.int64(1), whitening=np.eye(2))
    with pytest.raises(ReferenceFileError, match="'means' is missing"):
        load_reference(tmp_path / "other.npz")
    with pytest.raises(ReferenceFileError, match="no such file"):
        load_reference(tmp_path / "none.npz")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.lists(st.floats(allow_nan=False), max_size=50))
def test_every_value_falls_into_one_bin(values: list[float], others: list[float]) -> None:
    histogram = Histogram.of(np.array(values))
    assert histogram.counts.sum() == len(values)
    assert (np.diff(histogram.edges) > 0).all()
    assert len(histogram.counts) == len(histogram.edges) + 1
    assert histogram.count(np.array(others)).sum() == len(others)
    assert np.array_equal(histogram.count(np.array(values)), histogram.counts)


def test_bins_hold_equally_many() -> None:
    assert Histogram.of(np.arange(100.0), bins=5).counts.tolist() == [20] * 5


def test_a_histogram_of_nothing_or_of_nan_is_refused() -> None:
    for values in (np.array([]), np.array([1, np.nan])):
        with pytest.raises(EarshotError, match="finite values"):
            Histogram.of(values)


def test_features_of_a_tone() -> None:
    tone = (0.5 * np.sin(2 * np.pi * 1000 * SECOND)).astype(np.float32)
    found = features(tone, RATE)
    assert found["level_db"] == pytest.approx(-9.03, abs=0.02)
    assert found["peak_db"] == pytest.approx(-6.02, abs=0.02)
    assert found["centroid_hz"] == pytest.approx(1000, abs=5)
    assert found["rolloff_hz"] == pytest.approx(1000, abs=RATE / 1024)


def test_features_know_bright_from_dull_whatever_the_level() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1
    dull = np.convolve(noise, np.ones(16) / 16, "same").astype(np.float32)
    quiet = (dull / 100).astype(np.float32)
    centroid = features(dull, RATE)["centroid_hz"]
    assert centroid < 4000
    assert features(noise, RATE)["centroid_hz"] == pytest.approx(8000, abs=200)
    assert features(quiet, RATE)["centroid_hz"] == pytest.approx(centroid, rel=1e-3)


def test_silence_and_a_single_sample_have_finite_features() -> None:
    silent = {"level_db": FLOOR_DB, "peak_db": FLOOR_DB, "centroid_hz": 0.0, "rolloff_hz": 0.0}
    assert features(np.zeros(RATE, np.float32), RATE) == silent
    assert np.isfinite(list(features(np.ones(1, np.float32), RATE).values())).all()


def test_probabilities_soften_with_temperature() -> None:
    logits = np.array([[np.log(4), 0.0]], np.float32)
    assert probabilities(logits)[0] == pytest.approx([0.8, 0.2])
    assert probabilities(logits, 2.0)[0] == pytest.approx([2 / 3, 1 / 3])
    assert probabilities(np.array([[1e4, 0, -1e4]]))[0].tolist() == [1, 0, 0]
