"""The sounds that are sent: real clips, as WAV files of one length, so that every body is one clip for the engine."""

import io
from pathlib import Path

import soundfile

from contract.audio import AudioError, decode, fit
from contract.errors import EarshotError

CLIPS = Path(__file__).parents[1] / "tests" / "data" / "esc10-mini" / "audio"
"""Forty clips of four classes, in a checkout."""

COUNT = 8
"""Bodies that take turns: at 441 KB they are more than a core's own cache holds, so none is answered out of it."""

RATE = 44_100
"""With 5 s of 16 bits that makes the 441,044 bytes that the figures are about."""

SECONDS = 5.0
_BITS = "PCM_16"


def wav_bodies(folder: Path | None = None, rate: int = RATE, count: int = COUNT) -> list[bytes]:
    """Mono WAV files of 5 s, from sounds that lie evenly spread over a folder."""
    folder = folder or CLIPS
    paths = sorted(path for path in folder.glob("*") if path.is_file()) if folder.is_dir() else []
    if not paths:
        raise EarshotError(f"{folder}: there are no sounds to send; name a folder with some by --clips")
    return [_wav(path, rate) for path in paths[:: max(1, len(paths) // count)][:count]]


def _wav(path: Path, rate: int) -> bytes:
    try:
        waveform = fit(decode(path, rate), round(SECONDS * rate))
    except AudioError as error:
        raise EarshotError(f"{path}: {error} Name a folder that holds sounds only by --clips.") from error
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, format="WAV", subtype=_BITS)
    return file.getvalue()
