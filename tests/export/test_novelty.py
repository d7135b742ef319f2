"""New sounds lie far away, known ones near, and distances of different models can be compared."""

import numpy as np
import pytest
from numpy.typing import NDArray

from export.novelty import METHOD, NoveltyError, choose_threshold, fit_statistics

WIDTH, CLASSES = 16, 4


def clips(count: int, seed: int, stretch: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Embeddings around one axis for each class, wider on the axes that no class stands on."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    spread = np.where(np.arange(WIDTH) < CLASSES, 0.05, 0.15)
    places = np.eye(WIDTH)[labels] + rng.standard_normal((count, WIDTH)) * spread
    return places * rng.uniform(0.5, 5, (count, 1)) * stretch, labels


def test_far_sounds_are_new_and_known_ones_are_not() -> None:
    statistics = fit_statistics(*clips(400, 0))
    held_out = {fold: statistics.distance(clips(200, fold)[0].astype(np.float32)) for fold in (1, 2)}
    chosen = choose_threshold(held_out)
    strangers = np.eye(WIDTH, dtype=np.float32)[CLASSES:]
    between = np.ones((1, WIDTH), np.float32)
    assert (statistics.distance(strangers) > chosen.threshold).all()
    assert (statistics.distance(between) > chosen.threshold).all()
    assert (chosen.method, chosen.percentile, chosen.windows) == (METHOD, 95, 400)
    assert np.mean(list(chosen.flagged.values())) == pytest.approx(0.05, abs=0.003)


def test_training_clips_are_one_away_whatever_the_scale_of_a_model() -> None:
    for stretch in (0.01, 1, 1000):
        embeddings, labels = clips(400, 0, stretch)
        distance = fit_statistics(embeddings, labels).distance(embeddings.astype(np.float32))
        assert np.sqrt(np.square(distance).mean()) == pytest.approx(1, abs=0.01)


def test_rotated_axes_do_not_matter() -> None:
    embeddings, labels = clips(400, 0)
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((WIDTH, WIDTH)))[0]
    straight = fit_statistics(embeddings, labels).distance(embeddings.astype(np.float32))
    turned = embeddings @ rotation
    assert fit_statistics(turned, labels).distance(turned.astype(np.float32)) == pytest.approx(straight, abs=1e-3)


def test_fewer_clips_than_axes_are_enough() -> None:
    embeddings, labels = clips(8, 0)
    statistics = fit_statistics(embeddings, labels)
    held_out = statistics.distance(clips(40, 1)[0].astype(np.float32))
    assert np.isfinite(held_out).all()
    assert statistics.distance(np.eye(WIDTH, dtype=np.float32)[-1:]) > np.median(held_out)


def test_a_class_without_clips_has_no_middle() -> None:
    embeddings, labels = clips(40, 0)
    assert fit_statistics(embeddings, labels * 3).means.shape == (CLASSES, WIDTH)


def test_what_says_nothing_is_refused() -> None:
    embeddings, labels = clips(8, 0)
    with pytest.raises(NoveltyError, match="all alike"):
        fit_statistics(embeddings[:4], labels[:4])
    with pytest.raises(NoveltyError, match="not finite"):
        fit_statistics(np.full_like(embeddings, np.nan), labels)
    with pytest.raises(NoveltyError, match=r"must be \[N, D\]"):
        fit_statistics(embeddings, labels[:3])
    with pytest.raises(NoveltyError, match="not finite"):
        choose_threshold({1: np.array([1.0, np.nan])})
    with pytest.raises(NoveltyError, match="every fold"):
        choose_threshold({1: np.array([1.0]), 2: np.array([])})
    with pytest.raises(NoveltyError, match="every fold"):
        choose_threshold({})
