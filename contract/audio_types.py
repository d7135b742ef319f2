"""What can be said about an audio file before and instead of its samples: facts, bounds, and refusals.

The refusals' sentences are for users of the service: they name no path, no library and no line of code.
"""

from dataclasses import dataclass
from typing import ClassVar

from contract.errors import EarshotError

# The names say what is wrong with the audio; "Error" at the end would add nothing: hence N818.


class AudioError(EarshotError):
    """The audio was refused; `code` is the stable name that programs read."""

    code: ClassVar[str]


class EmptyAudio(AudioError):  # noqa: N818
    """There are no bytes at all."""

    code = "empty_body"


class AudioTooLarge(AudioError):  # noqa: N818
    """More bytes than the bound allows."""

    code = "too_large"


class AudioTooLong(AudioError):  # noqa: N818
    """More seconds than the bound allows, by the header or while decoding."""

    code = "too_long"


class UndecodableAudio(AudioError):  # noqa: N818
    """Not audio, not a known format, or not a sound that can be judged."""

    code = "undecodable_audio"


class TruncatedAudio(UndecodableAudio):
    """The file ends, or breaks, before the end that it declares."""


class DecoderMissing(UndecodableAudio):
    """A known format that only ffmpeg reads, on a machine without ffmpeg."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is decoded. Whoever knows the callers better narrows or widens them."""

    max_seconds: float = 600.0
    """Ten minutes: 120 windows of 5 s, about what one request may cost."""

    max_bytes: int = 128 * 2**20
    """Ten minutes of CD audio (44.1 kHz, stereo, 16 bit) are 101 MiB."""

    min_sample_rate: int = 4_000
    """Half of telephone rate; below it nearly nothing of an environmental sound is left."""

    max_sample_rate: int = 384_000
    """The fastest that common field recorders write (for bats)."""

    max_channels: int = 16
    """Third-order ambisonics; more is a broken header."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a header says. It may lie; `decode` does not rely on it."""

    format: str
    codec: str
    sample_rate: int
    channels: int
    seconds: float | None
    """None where the header does not say, as in a stream."""
