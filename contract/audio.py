"""Turns the bytes of an audio file into the waveform that a model hears: mono float32 at the model's rate.

Training, diagnostics, command line and service all decode here, so that they hear the same samples. Not
here: windows and hops, levels, spectra. Nothing that a header says is believed: bounds are checked against
it first and against the samples while they are read, and memory grows only with what was really decoded.

A file that is visibly cut short is refused rather than half heard: a WAV, AIFF, AU, CAF or MP4 whose chunks
run past its end, an Ogg without its last page, a FLAC with fewer samples than its header counts, an MP3
shorter than its Xing tag says. A stream whose header leaves the length open (as written to a pipe) is fine,
and so is an MP3, AAC or WebM without a length: these are heard to where they end.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

from contract.audio_types import (
    AudioError,
    AudioInfo,
    AudioTooLarge,
    AudioTooLong,
    DecoderMissing,
    EmptyAudio,
    Limits,
    TruncatedAudio,
    UndecodableAudio,
)
from contract.containers import wav_layout
from contract.readers import PCM16_SCALE, is_plain_pcm16, open_audio, read_info

__all__ = [
    "PCM16_SCALE",
    "AudioError",
    "AudioInfo",
    "AudioTooLarge",
    "AudioTooLong",
    "Decoded",
    "DecoderMissing",
    "EmptyAudio",
    "Limits",
    "Plain",
    "TruncatedAudio",
    "UndecodableAudio",
    "Waveform",
    "decode",
    "decode_plain",
    "decode_whole",
    "fit",
    "is_in_range",
    "probe",
]

Source = bytes | bytearray | memoryview | os.PathLike[str]
Waveform = NDArray[np.float32]

RESAMPLER_QUALITY = "HQ"
"""soxr's: aliases at −138 dB in 1.3 ms for 5 s, where faster ones leave them at −9 dB (48 to 44.1 kHz)."""

LOUDEST = 1e9
"""Full scale is 1. Far above this, the squares in a spectrum leave float32, and no score is a number any more."""

DEFAULT_LIMITS = Limits()


class Plain(NamedTuple):
    """Samples as they lie in a file, and what the file says of them."""

    samples: NDArray[np.int16]
    info: AudioInfo


class Decoded(NamedTuple):
    """A waveform at the rate that was asked for, and what it was made of."""

    waveform: Waveform
    info: AudioInfo


def probe(source: Source, *, limits: Limits = DEFAULT_LIMITS) -> AudioInfo:
    """Read the header only. Of the limits, the size in bytes is checked."""
    return read_info(_read(source, limits))


def decode(source: Source, sample_rate: int, *, limits: Limits = DEFAULT_LIMITS) -> Waveform:
    """Decode to a contiguous mono waveform at `sample_rate`; mono is the mean of the channels.

    Raises an AudioError for what is in the file, an OSError for a path that cannot be read.
    """
    return decode_whole(source, sample_rate, limits=limits).waveform


def decode_whole(source: Source, sample_rate: int, *, limits: Limits = DEFAULT_LIMITS) -> Decoded:
    """The same, with what the header said."""
    if sample_rate < 1:
        raise ValueError(f"sample_rate must be positive, not {sample_rate}")
    with open_audio(_read(source, limits), limits.max_seconds) as reader:
        _check_header(reader.info, limits)
        native = _bounded(map(_mono, reader.blocks), reader.info.sample_rate, limits)
        parts = list(_resampled(native, reader.info.sample_rate, sample_rate))
        info = reader.info
    waveform = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.float32), *parts])
    if not waveform.size:
        raise UndecodableAudio("The audio holds no sound: it has no samples.")
    return Decoded(np.ascontiguousarray(waveform), info)


def decode_plain(data: bytes | memoryview, sample_rate: int, *, limits: Limits = DEFAULT_LIMITS) -> Plain | None:
    """The samples of a 16-bit mono WAV that is whole and has the rate that is wanted: a view of `data`.

    Times PCM16_SCALE they are what `decode` gives. None for everything else, and for whatever is to be refused.
    """
    layout = wav_layout(data)
    if layout is None or not is_plain_pcm16(layout) or (layout.channels, layout.sample_rate) != (1, sample_rate):
        return None
    size = layout.declared
    if size is None or size < 2 or layout.start + size > len(data) or size > 2 * limits.max_seconds * sample_rate:
        return None
    if len(data) > limits.max_bytes or not limits.min_sample_rate <= sample_rate <= limits.max_sample_rate:
        return None
    samples = np.frombuffer(data, "<i2", size // 2, layout.start)
    return Plain(samples, AudioInfo("WAV", "PCM_16", sample_rate, 1, len(samples) / sample_rate))


def is_in_range(samples: Waveform) -> bool:
    """Whether every sample is a number from which a spectrum can be made."""
    return bool((np.abs(samples) <= LOUDEST).all())  # nothing compares with NaN


def fit(waveform: Waveform, samples: int) -> Waveform:
    """Exactly `samples` of the waveform: cut at the end, or padded there with silence."""
    if waveform.size >= samples:
        return waveform[:samples]
    return np.pad(waveform, (0, samples - waveform.size))


def _read(source: Source, limits: Limits) -> bytes:
    if isinstance(source, os.PathLike):
        path = Path(source)
        _check_size(path.stat().st_size, limits)
        data = path.read_bytes()
    else:
        _check_size(source.nbytes if isinstance(source, memoryview) else len(source), limits)
        data = bytes(source)
    if not data:
        raise EmptyAudio("There is no audio: it is empty, 0 bytes long.")
    return data


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.max_bytes:
        raise AudioTooLarge(f"The audio takes {size:,} bytes; at most {limits.max_bytes:,} are accepted.")


def _check_header(info: AudioInfo, limits: Limits) -> None:
    if not limits.min_sample_rate <= info.sample_rate <= limits.max_sample_rate:
        raise UndecodableAudio(
            f"A sample rate of {info.sample_rate} Hz is outside the accepted "
            f"{limits.min_sample_rate} to {limits.max_sample_rate} Hz."
        )
    if not 1 <= info.channels <= limits.max_channels:
        raise UndecodableAudio(f"The audio has {info.channels} channels; 1 to {limits.max_channels} are accepted.")
    if info.seconds is not None and info.seconds > limits.max_seconds:
        raise AudioTooLong(f"The audio is {info.seconds:.1f} s long; at most {limits.max_seconds:g} s are accepted.")


def _mono(block: Waveform) -> Waveform:
    """The mean of the channels, refused where it is not finite (so is every broken sample in any channel)."""
    channels = block.shape[1]
    mono = block[:, 0]
    if channels > 1:
        with np.errstate(over="ignore", invalid="ignore"):
            mono = mono.copy()
            for channel in range(1, channels):
                mono += block[:, channel]
            mono *= np.float32(1 / channels)
    return _finite(mono)


def _finite(samples: Waveform) -> Waveform:
    if not is_in_range(samples):
        raise UndecodableAudio("The audio holds samples that are not numbers, or are beyond all range.")
    return samples


def _bounded(blocks: Iterator[Waveform], sample_rate: int, limits: Limits) -> Iterator[Waveform]:
    """The same blocks, stopped where they exceed the longest duration, whatever the header said."""
    room = limits.max_seconds * sample_rate + 0.5  # half a sample, against rounding
    for block in blocks:
        room -= block.size
        if room < 0:
            raise AudioTooLong(f"The audio is longer than {limits.max_seconds:g} s, the most that is accepted.")
        yield block


def _resampled(blocks: Iterator[Waveform], source_rate: int, target_rate: int) -> Iterator[Waveform]:
    """Resample block by block, with the same result as all at once."""
    if source_rate == target_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32", quality=RESAMPLER_QUALITY)
    for block in blocks:
        yield _finite(stream.resample_chunk(np.ascontiguousarray(block)))
    yield _finite(stream.resample_chunk(np.empty(0, np.float32), last=True))
