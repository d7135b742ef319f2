"""A room lengthens the sound and leaves its level."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from contract.errors import EarshotError
from tests.training.augment.sounds import RATE, decibels, generator
from training.augment import Reverb
from training.augment.reverb import measured_impulses


def click(rows: int = 1) -> Tensor:
    waves = torch.zeros(rows, 2 * RATE)
    waves[:, 100] = 1
    return waves


def test_level_stays(clips: Tensor) -> None:
    changed = Reverb(p=1, wet=(0.5, 1.0))(clips, RATE, generator())
    assert decibels(changed) == pytest.approx(decibels(clips), abs=0.01)


@pytest.mark.parametrize("rt60_s", [0.2, 0.5, 1.0])
def test_a_click_decays_by_60_db_in_the_time_asked_for(rt60_s: float) -> None:
    tail = Reverb(p=1, rt60_s=(rt60_s, rt60_s), wet=(1, 1))(click(rows=64), RATE, generator())[:, 100:]
    window = RATE // 50
    halfway = round(rt60_s / 2 * RATE)
    first, later = tail[:, :window], tail[:, halfway : halfway + window]

    drop = 10 * torch.log10(first.square().mean() / later.square().mean())
    assert drop.item() == pytest.approx(30, abs=1)


def test_nothing_is_heard_before_the_sound() -> None:
    assert Reverb(p=1)(click(), RATE, generator())[:, :100].abs().max() < 1e-6


def test_no_reverberation_at_zero_wet(clips: Tensor) -> None:
    torch.testing.assert_close(Reverb(p=1, wet=(0, 0))(clips, RATE, generator()), clips, atol=1e-5, rtol=0)


def test_the_wet_share_is_one_of_energy() -> None:
    changed = Reverb(p=1, wet=(0.3, 0.3), rt60_s=(1, 1))(click(rows=64), RATE, generator())
    direct, rest = changed[:, 100].square(), changed[:, 101:].square().sum(dim=1)

    assert (rest / (direct + rest)).mean().item() == pytest.approx(0.3, abs=0.02)


def test_sound_at_the_very_end_does_not_come_round() -> None:
    waves = click().roll(-101, dims=1)
    assert Reverb(p=1, wet=(1, 1))(waves, RATE, generator())[:, :-1].abs().max() < 1e-5


def test_measured_rooms(tmp_path: Path) -> None:
    """One echo after the direct sound; what a recording has before it is cut off."""
    impulse = np.zeros(2000, dtype=np.float32)
    impulse[[50, 850]] = 0.5, 0.25
    soundfile.write(tmp_path / "hall.wav", impulse, RATE)
    changed = Reverb(p=1, wet=(1, 1), impulses=tmp_path)(click(), RATE, generator())[0]

    assert changed.abs().topk(2).indices.tolist() == [100, 900]
    assert (changed[900] / changed[100]).item() == pytest.approx(0.5, abs=1e-3)


def test_measured_rooms_are_resampled_and_of_unit_energy(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "a.wav", 0.1 * rng.standard_normal((4410, 2)), 44_100)
    soundfile.write(tmp_path / "b.wav", 0.1 * rng.standard_normal(800), RATE)
    impulses = measured_impulses(tmp_path, RATE)

    assert len(impulses) == 2
    assert impulses.shape[1] <= 1600
    assert impulses.square().sum(dim=1) == pytest.approx(torch.ones(2), abs=1e-4)


def test_a_folder_is_read_once(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.5, 0.1]), RATE)
    reverb = Reverb(p=1, impulses=tmp_path)
    first = reverb(click(), RATE, generator())
    (tmp_path / "a.wav").unlink()

    assert torch.equal(reverb(click(), RATE, generator()), first)


def test_any_audio_file_is_a_room(tmp_path: Path) -> None:
    impulse = np.array([0.5, 0.1])
    soundfile.write(tmp_path / "HALL.WAV", impulse, RATE)
    soundfile.write(tmp_path / "church.flac", impulse, RATE)
    (tmp_path / "readme.txt").write_text("no room")
    (tmp_path / "._HALL.WAV").write_bytes(b"what macOS leaves")

    assert len(measured_impulses(tmp_path, RATE)) == 2


def test_a_broken_room_is_named(tmp_path: Path) -> None:
    (tmp_path / "cellar.wav").write_bytes(b"no sound")
    with pytest.raises(EarshotError, match=r"cellar\.wav: "):
        Reverb(p=1, impulses=tmp_path)(click(), RATE, generator())


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_a_folder_without_rooms_is_named(tmp_path: Path, folder: str) -> None:
    with pytest.raises(EarshotError, match=f"{re.escape(str(tmp_path / folder))} holds no impulse response"):
        Reverb(p=1, impulses=tmp_path / folder)(click(), RATE, generator())
