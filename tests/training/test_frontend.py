"""The front end against torchaudio, in float64 where precision is asked, on real clips and on hostile signals."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from contract.audio import decode
from contract.errors import EarshotError
from training.frontend import FrontEndConfig, LogMel, build_frontend, mel_centres
from training.torchaudio_shim import torchaudio

RATE = 32000
CLIPS = sorted((Path(__file__).parent.parent / "data" / "esc10-mini" / "audio").glob("*.ogg"))[::8]
CONFIGS = {
    "default": FrontEndConfig(),
    "small": FrontEndConfig(n_fft=512, hop=256, n_mels=40, fmin=50, fmax=14000),
    "hop divides": FrontEndConfig(n_fft=1024, hop=512, n_mels=64),
    "odd hop": FrontEndConfig(n_fft=800, hop=321, n_mels=64),
}


def real_clips() -> Tensor:
    waves = [decode(path, RATE) for path in CLIPS]
    shortest = min(map(len, waves))
    return torch.from_numpy(np.stack([wave[:shortest] for wave in waves]))


def hostile_signals() -> Tensor:
    """Steep noise, a tone over quiet noise, silence, clicks, a constant: what shows weak arithmetic."""
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(RATE, generator=rng)
    spectrum = torch.fft.rfft(noise) / torch.arange(1, RATE // 2 + 2).square()
    steep = torch.fft.irfft(spectrum)
    time = torch.arange(RATE) / RATE
    clicks = torch.zeros(RATE)
    clicks[::1000] = 1.0
    return torch.stack(
        [
            steep / steep.abs().max(),
            torch.sin(2 * torch.pi * 440 * time) * 0.9 + noise * 1e-4,
            torch.zeros(RATE),
            clicks,
            torch.full((RATE,), 0.5),
        ]
    )


def torchaudio_decibels(config: FrontEndConfig, waves: Tensor) -> Tensor:
    """The spectrogram of torchaudio, in float64, floored like ours."""
    mel = torchaudio.transforms.MelSpectrogram(
        RATE, config.n_fft, hop_length=config.hop, f_min=config.fmin, f_max=config.fmax, n_mels=config.n_mels,
        center=False,
    ).double()  # fmt: skip
    expected: Tensor = 10 * torch.log10(mel(waves.double()).clamp(min=10 ** (config.floor_db / 10)))
    return expected


def within_80_db_of_the_peak(expected: Tensor) -> Tensor:
    return expected > expected.amax(dim=(1, 2), keepdim=True) - 80


@pytest.mark.parametrize("name", CONFIGS)
def test_real_clips_agree_with_torchaudio(name: str) -> None:
    config, waves = CONFIGS[name], real_clips()
    expected = torchaudio_decibels(config, waves)
    difference = (build_frontend(config, RATE).decibels(waves) - expected).abs()
    assert difference[within_80_db_of_the_peak(expected)].max() < 0.01


@pytest.mark.parametrize("form", ["cpu", "gpu"])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_exported_forms_agree_on_real_clips(name: str, form: Literal["cpu", "gpu"]) -> None:
    frontend, waves = build_frontend(CONFIGS[name], RATE), real_clips()
    expected = frontend.decibels(waves)
    difference = (frontend.exportable(form).decibels(waves) - expected).abs()
    assert difference[within_80_db_of_the_peak(expected)].max() < 0.01


def test_all_forms_hold_on_hostile_signals() -> None:
    frontend, waves = build_frontend(FrontEndConfig(), RATE), hostile_signals()
    expected = torchaudio_decibels(frontend.config, waves)
    for form in (frontend, frontend.exportable("cpu"), frontend.exportable("gpu")):
        difference = (form.decibels(waves) - expected).abs()
        assert difference[within_80_db_of_the_peak(expected)].max() < 0.02


def test_autocast_does_not_touch_the_front_end() -> None:
    frontend, waves = build_frontend(FrontEndConfig(), RATE), hostile_signals()
    with torch.autocast("cpu", torch.bfloat16):
        inside = frontend(waves)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, frontend(waves))


def test_mfcc_agrees_with_torchaudio() -> None:
    config = FrontEndConfig(kind="mfcc", n_mfcc=13, n_mels=40, floor_db=-100)
    frontend, waves = build_frontend(config, RATE), real_clips()
    reference = torchaudio.transforms.MFCC(
        RATE, 13, melkwargs={"n_fft": 1024, "hop_length": 640, "f_min": 20.0, "f_max": 16000.0, "n_mels": 40,
                             "center": False},
    )  # fmt: skip
    reference.amplitude_to_DB = torchaudio.transforms.AmplitudeToDB("power", top_db=None)
    assert (frontend.features(waves) - reference(waves)).abs().max() < 0.05


@pytest.mark.parametrize("form", ["cpu", "gpu"])
def test_the_exported_graph_holds_neither_complex_numbers_nor_a_transform(form: Literal["cpu", "gpu"]) -> None:
    frontend = build_frontend(FrontEndConfig(), RATE).exportable(form).eval()
    program = torch.export.export(frontend, (torch.zeros(2, RATE),))
    operators = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert not [name for name in operators if "fft" in name or "complex" in name or "stft" in name]


def test_bands_are_standardised_after_fitting() -> None:
    frontend, waves = build_frontend(FrontEndConfig(), RATE), real_clips()
    frontend.fit_normalisation([waves[:2], waves[2:]])
    pictures = frontend(waves)
    assert pictures.shape == (len(waves), 1, 128, (waves.shape[1] - 1024) // 640 + 1)
    assert pictures.mean(dim=(0, 1, 3)).abs().max() < 1e-3
    assert (pictures.std(dim=(0, 1, 3)) - 1).abs().max() < 1e-2


def test_normalisation_is_saved_with_the_module() -> None:
    frontend = build_frontend(FrontEndConfig(), RATE)
    frontend.fit_normalisation([real_clips()])
    other = build_frontend(FrontEndConfig(), RATE)
    other.load_state_dict(frontend.state_dict())
    assert torch.equal(other.mean, frontend.mean)
    assert set(frontend.state_dict()) == {"mean", "std"}


def test_silence_is_finite_even_where_training_was_silent() -> None:
    frontend = build_frontend(FrontEndConfig(), RATE)
    frontend.fit_normalisation([torch.zeros(2, RATE)])
    assert torch.isfinite(frontend(hostile_signals())).all()


def test_a_tone_is_loudest_in_the_band_that_is_called_by_it() -> None:
    config = FrontEndConfig()
    tone = torch.sin(2 * torch.pi * 3000 * torch.arange(RATE) / RATE)
    loudest = int(build_frontend(config, RATE).decibels(tone[None])[0].mean(1).argmax())
    assert abs(mel_centres(config)[loudest] - 3000) < 120


def test_more_bands_than_frequencies_are_refused() -> None:
    with pytest.raises(EarshotError, match="1000 bands are too narrow for frames of 1024 samples: lower n_mels"):
        build_frontend(FrontEndConfig(n_mels=1000), RATE)


def test_bands_above_half_the_sample_rate_are_refused() -> None:
    with pytest.raises(ValueError, match=r"fmax \(16000 Hz\).*8000 Hz.*lower fmax"):
        LogMel(FrontEndConfig(), 16000)
