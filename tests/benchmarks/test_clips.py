"""What is sent."""

from pathlib import Path

import pytest

from benchmarks.clips import COUNT, wav_bodies
from contract.audio import probe
from contract.errors import EarshotError


def test_bodies_are_the_441_kb_that_the_figures_are_about() -> None:
    bodies = wav_bodies()
    assert {len(body) for body in bodies} == {441_044}
    assert len(set(bodies)) == COUNT


def test_they_are_five_seconds_at_any_rate() -> None:
    info = probe(wav_bodies(rate=32_000, count=1)[0])
    assert (info.sample_rate, info.channels, info.seconds) == (32_000, 1, 5.0)


def test_sounds_of_ones_own_are_sent(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav_bodies(count=1)[0])
    assert wav_bodies(tmp_path) == wav_bodies(count=1)


def test_a_folder_without_sounds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EarshotError, match="no sounds to send"):
        wav_bodies(tmp_path)
    (tmp_path / "a.txt").write_text("this is no sound")
    with pytest.raises(EarshotError, match=r"a\.txt"):
        wav_bodies(tmp_path)
