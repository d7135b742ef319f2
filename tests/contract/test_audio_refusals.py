"""What is refused: broken, oversized and lying files get a typed error, and never memory by their word."""

import os
import shutil
import struct
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from contract import ffmpeg
from contract.audio import (
    AudioError,
    AudioTooLarge,
    AudioTooLong,
    DecoderMissing,
    EmptyAudio,
    Limits,
    TruncatedAudio,
    UndecodableAudio,
    decode,
    probe,
)
from tests.contract.sounds import CLIPS, RATE, encode, flac_claiming, tone, wav

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")

M4A_HEAD = b"\x00\x00\x00\x18ftypM4A \x00\x00\x02\x00M4A isom" + bytes(64)
CAF_OF_AAC = b"caff\0\1\0\0desc" + struct.pack(">qd4s", 32, 44_100, b"aac ") + bytes(20)


def test_every_error_has_its_stable_code() -> None:
    codes = {error.__name__: error.code for error in (EmptyAudio, AudioTooLarge, AudioTooLong, UndecodableAudio)}

    assert codes == {
        "EmptyAudio": "empty_body",
        "AudioTooLarge": "too_large",
        "AudioTooLong": "too_long",
        "UndecodableAudio": "undecodable_audio",
    }
    assert TruncatedAudio.code == DecoderMissing.code == "undecodable_audio"


def test_no_bytes_are_empty_audio(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()

    for source in (b"", path):
        with pytest.raises(EmptyAudio):
            decode(source, RATE)


@pytest.mark.parametrize(
    "data",
    [
        b"<!doctype html><html><body>404</body></html>",
        b"just some text",
        "ein Text in UTF-16".encode("utf-16"),
        b"#EXTM3U\nhttp://127.0.0.1/secret\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"RIFF\x24\x00\x00\x00AVI " + bytes(100),
        bytes(1_000),
        b"R",
        b"RIFF",
        b"OggS",
        b"fLaC",
        b".snd",
        b"ID3",
        b"caff",
    ],
    ids=lambda data: repr(data[:8]),
)
def test_what_is_not_audio_is_undecodable(data: bytes) -> None:
    with pytest.raises(UndecodableAudio):
        decode(data, RATE)


@pytest.mark.parametrize("kind", ["WAV", "OGG", "AIFF"])
def test_a_file_without_samples_is_undecodable(kind: str) -> None:
    with pytest.raises(UndecodableAudio):
        decode(encode(np.zeros(0), kind), RATE)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("target", [RATE, 16_000])
def test_samples_that_are_not_finite_are_undecodable(broken: float, target: int) -> None:
    sound = np.stack([tone(440), tone(440)], axis=1)
    sound[100, 1] = broken

    with pytest.raises(UndecodableAudio, match="not numbers"):
        decode(encode(sound, "WAV", "FLOAT"), target)


@pytest.mark.parametrize("codec", ["FLOAT", "DOUBLE"])
def test_samples_beyond_the_range_of_their_mean_are_undecodable(codec: str) -> None:
    sound = np.full((1_000, 2), 3e38)

    with pytest.raises(UndecodableAudio, match="beyond all range"):
        decode(encode(sound, "WAV", codec), RATE)


@pytest.mark.parametrize("sample_rate", [0, 1, 3_999, 384_001, 768_000, 2**32 - 1])
@pytest.mark.parametrize("bits", [16, 24])
def test_absurd_sample_rates_are_undecodable(sample_rate: int, bits: int) -> None:
    with pytest.raises(UndecodableAudio):
        decode(wav(sample_rate=sample_rate, bits=bits), RATE)


def test_limits_may_allow_a_faster_rate() -> None:
    assert decode(wav(sample_rate=768_000), 96_000, limits=Limits(max_sample_rate=768_000)).size > 0


@pytest.mark.parametrize("channels", [0, 17, 64, 1_024, 32_767])
def test_absurd_channel_counts_are_undecodable(channels: int) -> None:
    with pytest.raises(UndecodableAudio):
        decode(wav(bytes(300_000), channels=channels), RATE)


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU", "CAF", "OGG", "FLAC", "MP3"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_a_file_cut_in_the_middle_is_truncated(kind: str, kept: float) -> None:
    data = encode(np.random.default_rng(0).normal(0, 0.1, 3 * RATE), kind)

    with pytest.raises(TruncatedAudio):
        decode(data[: int(kept * len(data))], RATE)


def test_a_clip_that_lost_its_last_ogg_page_is_truncated() -> None:
    data = min(CLIPS.glob("*.ogg")).read_bytes()

    with pytest.raises(TruncatedAudio):
        decode(data[: data.rfind(b"OggS")], RATE)


def test_an_mp4_cut_in_the_middle_is_truncated() -> None:
    with pytest.raises(TruncatedAudio):
        decode(M4A_HEAD[:24] + struct.pack(">I", 5_000) + b"mdat" + bytes(1_000), RATE)


def test_a_flac_that_holds_less_than_its_header_says_is_truncated() -> None:
    with pytest.raises(TruncatedAudio):
        decode(flac_claiming(2 * RATE), RATE)


@pytest.mark.parametrize("declared", [4_000_000_000, 2_000, 1_001])
@pytest.mark.parametrize("bits", [16, 24])
def test_a_wav_that_declares_more_than_it_holds_is_truncated(declared: int, bits: int) -> None:
    with pytest.raises(TruncatedAudio):
        decode(wav(bytes(1_000), declared=declared, bits=bits), RATE)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "OGG"])
def test_what_is_longer_than_allowed_is_too_long(kind: str) -> None:
    with pytest.raises(AudioTooLong, match=r"2\.0 s long; at most 1\.5 s"):
        decode(encode(tone(440, seconds=2), kind), RATE, limits=Limits(max_seconds=1.5))


def test_what_is_just_as_long_as_allowed_is_decoded() -> None:
    assert decode(encode(tone(440, seconds=1.5), "FLAC"), RATE, limits=Limits(max_seconds=1.5)).size == 1.5 * RATE


def test_a_header_that_claims_hours_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contract.readers._ForwardOnlyFile.read", lambda *_: pytest.fail("decoded"))

    with pytest.raises(AudioTooLong):
        decode(flac_claiming(10 * 3_600 * RATE), RATE)


@pytest.mark.parametrize("data", [flac_claiming(0), wav(bytes(200_000), declared=0xFFFF_FFFF)])
def test_a_stream_without_a_length_is_stopped_at_the_bound(data: bytes) -> None:
    with pytest.raises(AudioTooLong):
        decode(data, RATE, limits=Limits(max_seconds=0.25))


def test_too_many_bytes_are_too_large(tmp_path: Path) -> None:
    path = tmp_path / "large.wav"
    path.write_bytes(wav())

    for source in (wav(), memoryview(wav()), path):
        with pytest.raises(AudioTooLarge):
            decode(source, RATE, limits=Limits(max_bytes=1_000))
        with pytest.raises(AudioTooLarge):
            probe(source, limits=Limits(max_bytes=1_000))


def test_a_large_path_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "sparse.wav"
    path.touch()
    os.truncate(path, 2**34)

    with pytest.raises(AudioTooLarge):
        decode(path, RATE)


@pytest.mark.parametrize(
    "data",
    [
        wav(bytes(1_000), declared=4_000_000_000),
        wav(bytes(1_000), declared=0xFFFF_FFFF),
        wav(bytes(1_020), declared=0xFFFF_FFFF, bits=24),
        flac_claiming(2**36 - 1),
        flac_claiming(599 * RATE),
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f",
    ],
)
def test_a_lying_header_takes_no_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        decode(data, RATE)
    except AudioError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak < 8 * 2**20


def test_a_walk_over_millions_of_empty_chunks_ends() -> None:
    with pytest.raises(AudioError):
        decode(b"RIFF\xff\xff\xff\xffWAVE" + bytes(2**24), RATE)


@pytest.mark.parametrize("data", [M4A_HEAD, CAF_OF_AAC])
@pytest.mark.parametrize("read", [probe, lambda data: decode(data, RATE)], ids=["probe", "decode"])
def test_without_ffmpeg_the_error_says_what_to_do(
    data: bytes, read: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert callable(read)
    with pytest.raises(DecoderMissing, match=r"needs the program ffmpeg.*Install it.*or send WAV"):
        read(data)


@needs_ffmpeg
@pytest.mark.parametrize("data", [M4A_HEAD, CAF_OF_AAC, b"\x1a\x45\xdf\xa3" + bytes(200)])
def test_what_ffmpeg_cannot_read_is_undecodable(data: bytes) -> None:
    for read in (probe, lambda data: decode(data, RATE)):
        with pytest.raises(UndecodableAudio):
            read(data)


@needs_ffmpeg
def test_a_long_file_through_ffmpeg_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "long.m4a"
    command = ["ffmpeg", "-v", "error", "-f", "wav", "-i", "pipe:0", str(path)]
    data = encode(tone(440, seconds=4), "WAV")
    subprocess.run(command, input=data, check=True, timeout=ffmpeg.TIMEOUT_S)

    with pytest.raises(AudioTooLong):
        decode(path, RATE, limits=Limits(max_seconds=1))


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for ffmpeg is a shell script")
def test_an_ffmpeg_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(ffmpeg, "TIMEOUT_S", 0.2)

    for read in (probe, lambda data: decode(data, RATE)):
        with pytest.raises(UndecodableAudio):
            read(M4A_HEAD)


def test_no_message_tells_of_paths_or_libraries(tmp_path: Path) -> None:
    path = tmp_path / "secret-name.ogg"
    path.write_bytes(b"OggS" + bytes(23) + b"\x04" * 100)

    with pytest.raises(AudioError) as refused:
        decode(path, RATE)

    assert not any(word in str(refused.value).lower() for word in ("secret", "/", "sndfile", "soundfile", "bytesio"))
