"""The exponential mean over hops."""

import numpy as np

from service.stream.smoothing import Smoothing

DOG, CAT = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def test_nothing_is_kept_if_none_is_asked_for() -> None:
    smoothing = Smoothing(0.0)
    smoothing.mix(DOG, 1, "a")
    np.testing.assert_array_equal(smoothing.mix(CAT, 2, "a"), CAT)


def test_each_hop_weighs_less_than_the_next() -> None:
    smoothing = Smoothing(0.5)
    for hop in (1, 2):
        smoothing.mix(DOG, hop, "a")
    np.testing.assert_allclose(smoothing.mix(CAT, 3, "a"), [0.5, 0.5])
    np.testing.assert_allclose(smoothing.mix(CAT, 4, "a"), [0.25, 0.75])


def test_the_past_fades_while_hops_are_skipped() -> None:
    smoothing = Smoothing(0.5)
    smoothing.mix(DOG, 1, "a")
    np.testing.assert_allclose(smoothing.mix(CAT, 4, "a"), [0.125, 0.875])


def test_another_model_knows_nothing_of_the_past() -> None:
    smoothing = Smoothing(0.5)
    smoothing.mix(DOG, 1, "a")
    assert smoothing.mix(np.array([0.2, 0.3, 0.5]), 2, "b").tolist() == [0.2, 0.3, 0.5]
