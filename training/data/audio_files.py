"""Files that hold sound: which ones count, and what is said when one cannot be read."""

from pathlib import Path

from contract.audio import AudioError, Waveform, decode
from contract.errors import EarshotError

_LOSSLESS = {".wav", ".flac", ".aif", ".aiff", ".aifc", ".au", ".caf"}
_LOSSY = {".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".mp4", ".3gp", ".wma", ".webm"}
_SUFFIXES = frozenset(_LOSSLESS | _LOSSY)


def is_audio(path: Path) -> bool:
    """Not the hidden ones: macOS leaves `._dog.wav` beside `dog.wav`."""
    return path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()


def decode_named(path: Path, sample_rate: int) -> Waveform:
    """The sound of this file; an error tells which file it is about."""
    try:
        return decode(path, sample_rate)
    except AudioError as error:
        raise EarshotError(f"{path}: {error}") from error
