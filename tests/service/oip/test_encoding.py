"""Packed bodies come out as they went in, or not at all."""

import asyncio
import gzip
import random
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.batcher import Overloaded
from service.bodies import Uploads
from service.oip.encoding import inflated
from service.problems import ProblemError

MOST = 3 * 2**20
PACKED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


def unpacked(body: bytes, encoding: str | None, room: int = 2 * MOST) -> bytes:
    with Uploads(room).holding() as held:
        return asyncio.run(inflated(body, encoding, MOST, held))


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=2000), st.sampled_from([*PACKED]), st.sampled_from([1, 700]))
def test_what_was_packed_is_unpacked(body: bytes, encoding: str, times: int) -> None:
    assert unpacked(PACKED[encoding](body * times), encoding) == body * times


@pytest.mark.parametrize("encoding", PACKED)
def test_a_body_that_does_not_shrink_is_unpacked_too(encoding: str) -> None:
    body = random.Random(0).randbytes(MOST)  # noqa: S311
    assert unpacked(PACKED[encoding](body), encoding) == body


@pytest.mark.parametrize("encoding", [None, "", "identity"])
def test_a_body_that_is_not_packed_is_left_alone(encoding: str | None) -> None:
    assert unpacked(b"{}", encoding) == b"{}"


@pytest.mark.parametrize("encoding", PACKED)
def test_a_small_body_that_grows_without_end_is_too_large(encoding: str) -> None:
    with pytest.raises(ProblemError, match="Unpacked") as caught:
        unpacked(PACKED[encoding](bytes(100 * MOST)), encoding)
    assert caught.value.code == "too_large"


def test_what_comes_out_counts_as_held() -> None:
    with pytest.raises(Overloaded):
        unpacked(gzip.compress(bytes(MOST)), "gzip", room=MOST // 2)


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("wrong", [lambda b: b[:-1], lambda b: b[: len(b) // 2], lambda b: b + b"x", lambda _: b"{}"])
def test_a_broken_stream_is_an_invalid_request(encoding: str, wrong: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ProblemError) as caught:
        unpacked(wrong(PACKED[encoding](b"something" * 100)), encoding)
    assert caught.value.code == "invalid_request"


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(ProblemError, match="A Content-Encoding of br is not taken: send gzip or deflate") as caught:
        unpacked(b"x", "br")
    assert caught.value.code == "unsupported_media_type"
