"""Sounds and bodies that lie, break off or are none, and what is said to each of them."""

import struct

import numpy as np

from tests.contract.sounds import RATE, encode, flac_claiming, tone, wav

NOISE = np.random.default_rng(0).normal(0, 0.1, 2 * RATE).astype(np.float32)


def mp3_claiming(frames: int) -> bytes:
    """An MP3 whose Xing tag claims another length."""
    data = bytearray(encode(NOISE, "MP3"))
    tag = max(data.find(b"Xing"), data.find(b"Info"))
    data[tag + 8 : tag + 12] = struct.pack(">I", frames)
    return bytes(data)


UNDECODABLE = (422, "undecodable_audio")
TOO_LONG = (413, "too_long")
BAD_SOUNDS = {
    "text": (b"just some text, again and again " * 100, UNDECODABLE),
    "html": (b"<!doctype html><html><body>404</body></html>", UNDECODABLE),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(1_000), UNDECODABLE),
    "playlist": (b"#EXTM3U\nhttp://127.0.0.1/secret\n", UNDECODABLE),
    "random bytes": (np.random.default_rng(1).bytes(300_000), UNDECODABLE),
    "zeros": (bytes(300_000), UNDECODABLE),
    "one byte": (b"R", UNDECODABLE),
    "the beginning of an m4a": (b"\x00\x00\x00\x18ftypM4A \x00\x00\x02\x00M4A isom" + bytes(64), UNDECODABLE),
    "truncated head": (wav()[:30], UNDECODABLE),
    "truncated data": (wav(bytes(2_000))[:-500], UNDECODABLE),
    "truncated flac": (encode(NOISE, "FLAC")[:20_000], UNDECODABLE),
    "truncated ogg": (encode(NOISE, "OGG")[:9_000], UNDECODABLE),
    "truncated mp3": (encode(NOISE, "MP3")[:9_000], UNDECODABLE),
    "wav that claims 4 GB": (wav(bytes(1_000), declared=4_000_000_000), UNDECODABLE),
    "wav that claims little more": (wav(bytes(1_000), declared=1_002), UNDECODABLE),
    "wav without samples": (wav(b""), UNDECODABLE),
    "zero channels": (wav(channels=0), UNDECODABLE),
    "64 channels": (wav(bytes(64_000), channels=64), UNDECODABLE),
    "32,767 channels": (wav(bytes(655_340), channels=32_767), UNDECODABLE),
    "0 Hz": (wav(sample_rate=0), UNDECODABLE),
    "1 Hz": (wav(sample_rate=1), UNDECODABLE),
    "768 kHz": (wav(sample_rate=768_000), UNDECODABLE),
    "4 GHz": (wav(sample_rate=2**32 - 1), UNDECODABLE),
    "no bits": (wav(bits=0), UNDECODABLE),
    "unknown codec": (wav(encoding=0x1234), UNDECODABLE),
    "NaN": (encode(np.where(np.arange(RATE) == 99, np.nan, 0), "WAV", "FLOAT"), UNDECODABLE),
    "infinity": (encode(np.where(np.arange(RATE) == 99, np.inf, 0), "WAV", "DOUBLE"), UNDECODABLE),
    "beyond all range": (encode(np.full((RATE, 2), 3e38), "WAV", "FLOAT"), UNDECODABLE),
    "a spectrum beyond all range": (encode(np.full(RATE, 1e18), "WAV", "FLOAT"), UNDECODABLE),
    "flac that claims hours": (flac_claiming(10 * 3_600 * RATE), TOO_LONG),
    "flac that claims for ever": (flac_claiming(2**36 - 1), TOO_LONG),
    "mp3 that claims hours": (mp3_claiming(10**7), TOO_LONG),
    "wav of an hour": (wav(bytes(8_000 * 3_600), bits=8, sample_rate=8_000), TOO_LONG),
}

SQUARE = np.sign(tone(440, 5)) * 1.0
STRANGE = {
    "silence": encode(np.zeros(5 * RATE), "WAV"),
    "one sample": wav(b"\x01\x00"),
    "direct current": encode(np.full(5 * RATE, 0.9), "WAV"),
    "full-scale square wave": encode(SQUARE, "WAV"),
    "samples far beyond full scale": encode(SQUARE * 1e3, "WAV", "FLOAT"),
    "denormal samples": encode(np.full(RATE, 1e-40), "WAV", "FLOAT"),
    "16 channels": encode(np.repeat(NOISE[:4_000, None], 16, axis=1), "WAV"),
    "4 kHz": encode(NOISE, "WAV", sample_rate=4_000),
    "384 kHz": encode(NOISE, "WAV", sample_rate=384_000),
    "a wav with an open end": wav(bytes(20_000), declared=0xFFFF_FFFF),
}

BAD_BODIES = {
    "nothing": ("audio/wav", b"", (400, "empty_body")),
    "text as text": ("text/plain", b"hello", (415, "unsupported_media_type")),
    "a form of fields": ("application/x-www-form-urlencoded", b"audio=abc", (415, "unsupported_media_type")),
    "a type that is none": ("nonsense", b"abc", (415, "unsupported_media_type")),
    "a form without boundary": ("multipart/form-data", b"abc", (400, "invalid_request")),
    "a form that is none": ("multipart/form-data; boundary=x", b"abc", (400, "invalid_request")),
    "json that is none": ("application/json", b"{", (400, "invalid_request")),
    "deep json": ("application/json", b'{"audio":' * 500_000, (400, "invalid_request")),
    "deep json in an array": ("application/json", b"[" * 3_000_000, (400, "invalid_request")),
    "json with more": ("application/json", b'{"audio": "YQ==", "more": 1}', (400, "invalid_request")),
    "json without audio": ("application/json", b"{}", (400, "invalid_request")),
    "broken base64": ("application/json", b'{"audio": "%%%"}', (400, "invalid_request")),
    "empty base64": ("application/json", b'{"audio": ""}', (400, "empty_body")),
    "text in base64": ("application/json", b'{"audio": "aGVsbG8="}', UNDECODABLE),
}

CODECS = [
    ("WAV", "PCM_U8"), ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"), ("WAV", "ULAW"), ("WAV", "ALAW"), ("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM"),
    ("WAVEX", "PCM_16"), ("RF64", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16"), ("AU", "ULAW"), ("CAF", "ALAC_16"),
]  # fmt: skip
