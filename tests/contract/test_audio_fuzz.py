"""Whatever the bytes are: a finite waveform within the bounds, or an AudioError, and never anything else."""

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contract.audio import AudioError, Limits, decode
from tests.contract.sounds import encode, tone, wav

FLOATS_OF_IEEE = 3
"""WAV's code for floating point."""

SEEDS = [
    *(encode(tone(440, seconds=0.05), kind) for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF")),
    *(
        encode(tone(440, seconds=0.05), "WAV", codec)
        for codec in ("PCM_24", "FLOAT", "ULAW", "IMA_ADPCM", "MS_ADPCM")
    ),
    encode(tone(440, seconds=0.05), "RF64"),
]


def _is_heard_or_refused(data: bytes) -> None:
    try:
        heard = decode(data, 16_000, limits=Limits(max_seconds=5))
    except AudioError:
        return
    assert heard.dtype == np.float32
    assert heard.ndim == 1
    assert 0 < heard.size <= 5 * 16_000 + 1
    assert np.isfinite(heard).all()


@settings(deadline=None)
@given(st.binary(max_size=300))
@example(wav(b"\xff\xff\xff\x7f" * 10, encoding=FLOATS_OF_IEEE, bits=32))
def test_arbitrary_bytes_are_heard_or_refused(data: bytes) -> None:
    _is_heard_or_refused(data)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300, deadline=None)
@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 120), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4),
    kept=st.floats(0.05, 1),
)
def test_mutated_headers_are_heard_or_refused(seed: bytes, edits: list[tuple[int, bytes]], kept: float) -> None:
    data = bytearray(seed)
    for position, replacement in edits:
        data[position : position + len(replacement)] = replacement
    _is_heard_or_refused(bytes(data[: int(kept * len(data))]) if kept < 0.5 else bytes(data))
