"""`earshot data augment`: sounds of any length, and a sentence that names a file that holds none."""

import re
from pathlib import Path

import pytest
import soundfile
from torch import Tensor

from contract.errors import EarshotError
from tests.training.augment.sounds import RATE
from training.data import commands

RECIPE = """
audio = { sample_rate = 8000, seconds = 0.5 }
front_end = { n_fft = 256, hop = 160, n_mels = 20, fmax = 4000 }
"""


@pytest.fixture
def home(clips: Tensor, tmp_path: Path) -> Path:
    (tmp_path / "small.toml").write_text(RECIPE)
    soundfile.write(tmp_path / "short.wav", clips[0, : RATE // 2].numpy(), RATE)
    soundfile.write(tmp_path / "long.wav", clips[1].numpy(), RATE)
    (tmp_path / "noise.wav").write_bytes(b"no sound")
    return tmp_path


def augment(home: Path, clip: str, partner: str) -> None:
    commands.augment(home / clip, home / "out", partner=home / partner, recipe=str(home / "small.toml"))


@pytest.mark.parametrize(
    ("clip", "partner", "samples"), [("short.wav", "long.wav", 4000), ("long.wav", "short.wav", 16_000)]
)
def test_a_partner_of_another_length(
    home: Path, capsys: pytest.CaptureFixture[str], clip: str, partner: str, samples: int
) -> None:
    augment(home, clip, partner)

    assert capsys.readouterr().out.split() == [str(path) for path in sorted((home / "out").iterdir())]
    info = soundfile.info(home / "out" / "09-mixup-of-waveforms.wav")
    assert (info.samplerate, info.frames) == (8000, samples)


@pytest.mark.parametrize(("clip", "partner"), [("noise.wav", "long.wav"), ("long.wav", "noise.wav")])
def test_a_file_that_holds_no_sound_is_named(home: Path, clip: str, partner: str) -> None:
    with pytest.raises(EarshotError, match=f"^{re.escape(str(home / 'noise.wav'))}: "):
        augment(home, clip, partner)


def test_a_missing_file_is_the_systems_to_name(home: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.wav"):
        augment(home, "missing.wav", "long.wav")
