"""Hostile signals are what they say, and the same every time."""

import numpy as np
import pytest

from export.hostile import signals

SAMPLES, RATE = 160_000, 32_000


def test_signals_are_whole_finite_and_within_full_scale() -> None:
    for name, signal in signals(SAMPLES, RATE).items():
        assert signal.shape == (SAMPLES,), name
        assert signal.dtype == np.float32, name
        assert np.isfinite(signal).all(), name
        assert np.abs(signal).max() <= 1, name


def test_signals_are_the_same_every_time() -> None:
    once, again = signals(SAMPLES, RATE), signals(SAMPLES, RATE)
    assert once.keys() == again.keys()
    assert all(np.array_equal(once[name], again[name]) for name in once)


def test_steep_noise_falls_with_the_square_of_frequency() -> None:
    power = np.abs(np.fft.rfft(signals(SAMPLES, RATE)["steep noise"].astype(np.float64))) ** 2
    low, high = power[90:110].mean(), power[9000:11000].mean()  # a hundred times the frequency
    assert 10 * np.log10(low / high) == pytest.approx(40, abs=3)


def test_the_tone_stands_far_above_the_noise() -> None:
    power = np.abs(np.fft.rfft(signals(SAMPLES, RATE)["tone over quiet noise"] * np.hanning(SAMPLES))) ** 2
    assert 10 * np.log10(power.max() / np.median(power)) > 100


@pytest.mark.parametrize(("samples", "rate"), [(2, 8000), (7, 8000), (80_000, 16_000)])
def test_any_window_will_do(samples: int, rate: int) -> None:
    assert all(signal.shape == (samples,) for signal in signals(samples, rate).values())
