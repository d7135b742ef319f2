"""What is heard: every format gives the samples that were written, mono, at the asked rate."""

import io
import shutil
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import ffmpeg
from contract.audio import AudioInfo, Waveform, decode, fit, probe
from contract.containers import wav_layout
from tests.contract.sounds import CLIPS, RATE, encode, tone, wav

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")

# Largest error against the samples that were written, per codec: a step of integers (float files are exact),
# two steps of a logarithmic or adaptive code near full scale, a few per cent for lossy codecs.
FORMATS = [
    ("WAV", "PCM_U8", 2**-7),
    ("WAV", "PCM_16", 2**-15),
    ("WAV", "PCM_24", 2**-23),
    ("WAV", "PCM_32", 2**-24),
    ("WAV", "FLOAT", 0.0),
    ("WAV", "DOUBLE", 0.0),
    ("WAV", "ULAW", 2**-5),
    ("WAV", "ALAW", 2**-5),
    ("WAV", "IMA_ADPCM", 0.02),
    ("WAV", "MS_ADPCM", 0.02),
    ("WAVEX", "PCM_16", 2**-15),
    ("WAVEX", "FLOAT", 0.0),
    ("RF64", "PCM_16", 2**-15),
    ("FLAC", "PCM_16", 2**-15),
    ("FLAC", "PCM_24", 2**-23),
    ("AIFF", "PCM_16", 2**-15),
    ("AIFF", "PCM_24", 2**-23),
    ("AIFF", "FLOAT", 0.0),
    ("AU", "PCM_16", 2**-15),
    ("AU", "ULAW", 2**-5),
    ("CAF", "PCM_16", 2**-15),
    ("CAF", "ALAC_16", 2**-15),
    ("OGG", "VORBIS", 0.05),
    ("OGG", "OPUS", 0.05),
    ("MP3", "MPEG_LAYER_III", 0.05),
]


def _level(samples: Waveform) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


def _middle(samples: Waveform) -> Waveform:
    """Without the ends, where filters and lossy codecs ring."""
    return samples[len(samples) // 4 : -len(samples) // 4]


def _strongest_frequency(samples: Waveform, sample_rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * sample_rate / len(samples)


@pytest.mark.parametrize(("kind", "codec", "tolerance"), FORMATS)
def test_a_format_gives_the_samples_that_were_written(kind: str, codec: str, tolerance: float) -> None:
    rate = 48_000 if codec == "OPUS" else RATE
    sound = tone(1_000, sample_rate=rate)

    heard = decode(encode(sound, kind, codec, rate), rate)

    assert heard.dtype == np.float32
    assert heard.flags.c_contiguous
    assert len(sound) <= len(heard) < len(sound) + 2_500  # block codecs fill their last block
    assert np.abs(_middle(heard[: len(sound)]) - _middle(sound)).max() <= tolerance


@pytest.mark.parametrize("clip", sorted(CLIPS.glob("*.ogg")), ids=lambda clip: clip.stem)
def test_a_real_clip_is_five_seconds_of_sound(clip: Path) -> None:
    heard = decode(clip, 32_000)

    assert len(heard) == pytest.approx(5 * 32_000, rel=0.03)
    assert np.abs(heard).max() > 0


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_bytes_and_path_and_views_are_heard_alike(kind: str, tmp_path: Path) -> None:
    data = encode(tone(440), kind)
    path = tmp_path / "a name without an extension"
    path.write_bytes(data)

    heard = decode(data, 16_000)

    for source in (path, bytearray(data), memoryview(data)):
        np.testing.assert_array_equal(decode(source, 16_000), heard)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF"])
def test_mono_is_the_mean_of_the_channels(kind: str) -> None:
    left, right = tone(440, level=0.75), tone(660, level=0.25)

    heard = decode(encode(np.stack([left, right], axis=1), kind, "PCM_24"), RATE)

    np.testing.assert_allclose(heard, (left + right) / 2, atol=2**-22)


def test_equal_rates_are_not_resampled() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, 5_000).astype(np.float32)

    np.testing.assert_array_equal(decode(encode(noise, "WAV", "FLOAT"), RATE), noise)


@pytest.mark.parametrize("target", [8_000, 16_000, 22_050, 32_000, 48_000])
def test_resampling_keeps_the_pitch_and_level_of_a_tone(target: int) -> None:
    sound = tone(1_000, seconds=1)

    heard = decode(encode(sound, "WAV", "FLOAT"), target)

    assert len(heard) == target
    assert _strongest_frequency(heard, target) == pytest.approx(1_000, abs=1)
    assert _level(_middle(heard)) == pytest.approx(_level(sound), rel=1e-3)


def test_resampling_kills_what_would_alias() -> None:
    above_nyquist = tone(12_000, seconds=1)

    heard = decode(encode(above_nyquist, "WAV", "FLOAT"), 16_000)

    assert _level(_middle(heard)) < 1e-5 * _level(above_nyquist)


def test_a_long_sound_is_resampled_as_if_it_were_one_block() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, 700_000).astype(np.float32)

    heard = decode(encode(noise, "WAV", "FLOAT"), 32_000)

    np.testing.assert_array_equal(heard, soxr.resample(noise, RATE, 32_000, quality="HQ"))


@settings(deadline=None)
@given(
    body=st.binary(min_size=8, max_size=600),
    channels=st.integers(1, 4),
    sample_rate=st.sampled_from([4_000, 8_000, 22_050, 44_100, 48_000]),
)
def test_plain_pcm16_equals_what_libsndfile_reads(body: bytes, channels: int, sample_rate: int) -> None:
    data = wav(body, channels=channels, sample_rate=sample_rate)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)

    heard = decode(data, sample_rate)

    np.testing.assert_allclose(heard, expected.mean(axis=1), atol=1e-7)
    if channels == 1:
        np.testing.assert_array_equal(heard, expected[:, 0])


@pytest.mark.parametrize("size", [0, 0x7FFF_F000, 0x7FFF_FF00, 0x8000_0000, 0xFFFF_FFFF])
@pytest.mark.parametrize("codec", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_wav_streamed_through_a_pipe_is_heard_to_its_end(codec: str, size: int) -> None:
    sound = tone(440)
    data = bytearray(encode(sound, "WAV", codec))
    layout = wav_layout(bytes(data))
    assert layout is not None
    struct.pack_into("<I", data, 4, size)
    struct.pack_into("<I", data, layout.start - 4, size)
    trailing = len(data) - layout.start - len(sound) * layout.frame_bytes
    stream = bytes(data[: len(data) - trailing])

    np.testing.assert_allclose(decode(stream, RATE), sound, atol=2**-15)


def test_a_flac_stream_without_a_length_is_heard_to_its_end() -> None:
    sound = tone(440)
    data = bytearray(encode(sound, "FLAC"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)  # the 36 bits of the length

    assert probe(bytes(data)).seconds is None
    np.testing.assert_allclose(decode(bytes(data), RATE), sound, atol=2**-15)


@pytest.mark.parametrize("kind", ["FLAC", "MP3"])
def test_a_leading_id3_tag_is_skipped(kind: str) -> None:
    data = encode(tone(440), kind)
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)

    np.testing.assert_array_equal(decode(tag + data, RATE), decode(data, RATE))


@pytest.mark.parametrize(
    ("data", "info"),
    [
        (encode(tone(440), "WAV"), AudioInfo("WAV", "PCM_16", RATE, 1, 0.5)),
        (encode(np.zeros((RATE, 2)), "WAV", "FLOAT"), AudioInfo("WAV", "FLOAT", RATE, 2, 1.0)),
        (encode(tone(440), "FLAC"), AudioInfo("FLAC", "PCM_16", RATE, 1, 0.5)),
        (encode(tone(440), "OGG"), AudioInfo("Ogg", "VORBIS", RATE, 1, 0.5)),
        (encode(tone(440), "MP3"), AudioInfo("MP3", "MPEG_LAYER_III", RATE, 1, 0.5)),
    ],
    ids=lambda value: value.format + value.codec if isinstance(value, AudioInfo) else "",
)
def test_probe_tells_what_the_header_says(data: bytes, info: AudioInfo) -> None:
    assert probe(data) == info


def test_threads_do_not_disturb_each_other() -> None:
    clips = sorted(CLIPS.glob("*.ogg"))[:6]
    alone = [decode(clip, 16_000) for clip in clips]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda clip: decode(clip, 16_000), clips * 2))

    for heard, expected in zip(together, alone * 2, strict=True):
        np.testing.assert_array_equal(heard, expected)


def test_fit_cuts_at_the_end() -> None:
    np.testing.assert_array_equal(fit(np.array([1, 2, 3], np.float32), 2), [1, 2])


def test_fit_pads_with_silence_at_the_end() -> None:
    fitted = fit(np.array([1, 2], np.float32), 4)

    np.testing.assert_array_equal(fitted, [1, 2, 0, 0])
    assert fitted.dtype == np.float32


def test_fit_leaves_the_right_length_alone() -> None:
    np.testing.assert_array_equal(fit(np.array([1, 2], np.float32), 2), [1, 2])


def test_a_rate_to_decode_to_must_be_positive() -> None:
    with pytest.raises(ValueError, match="sample_rate must be positive"):
        decode(wav(), 0)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "codec", "expected"),
    [
        ("sound.m4a", "aac", "MP4"),
        ("sound.m4a", "alac", "MP4"),
        ("sound.3gp", "aac", "MP4"),
        ("sound.aac", "aac", "AAC"),
        ("sound.caf", "adpcm_ima_qt", "CAF"),
        ("sound.webm", "libopus", "WebM"),
        ("sound.wma", "wmav2", "WMA"),
    ],
)
def test_ffmpeg_reads_what_libsndfile_cannot(name: str, codec: str, expected: str, tmp_path: Path) -> None:
    sound = tone(1_000, seconds=2, sample_rate=48_000)
    stereo = np.stack([sound, sound], axis=1)
    path = tmp_path / name
    command = ["ffmpeg", "-v", "error", "-f", "wav", "-i", "pipe:0", "-c:a", codec, str(path)]
    subprocess.run(command, input=encode(stereo, "WAV", "FLOAT", 48_000), check=True, timeout=ffmpeg.TIMEOUT_S)

    info, heard = probe(path), decode(path, 16_000)

    assert (info.format, info.sample_rate, info.channels) == (expected, 48_000, 2)
    assert info.seconds is None or info.seconds == pytest.approx(2, abs=0.1)
    assert len(heard) == pytest.approx(2 * 16_000, rel=0.05)
    assert _strongest_frequency(heard, 16_000) == pytest.approx(1_000, abs=2)
    assert _level(_middle(heard)) == pytest.approx(_level(sound), rel=0.02)
    assert heard.flags.writeable
