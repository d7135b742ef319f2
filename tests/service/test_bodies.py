"""Bodies: three ways to send a sound, one sound, and a sentence for everything else."""

import asyncio
import base64
import json
import os
import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from service import bodies
from service.batcher import Overloaded
from service.bodies import JSON, MULTIPART, RAW, Uploads, audio_in, kind_of_body
from service.problems import ProblemError

SOUND = np.random.default_rng(1).bytes(1_000)
LARGE = np.random.default_rng(2).bytes(bodies.QUICK_BYTES)
FORM = {"content-type": "multipart/form-data; boundary=XyZ"}


def form(content: bytes = SOUND, name: str = "file", head: bytes = b"", fields: int = 0) -> bytes:
    """A form with a file, and fields before it."""
    parts = [b'Content-Disposition: form-data; name="top_k"\r\n\r\n3'] * fields
    parts.append(
        b'Content-Disposition: form-data; name="%s"; filename="a.wav"\r\n%s\r\n%s'
        % (name.encode("latin-1"), head, content)
    )
    return b"".join(b"--XyZ\r\n%s\r\n" % part for part in parts) + b"--XyZ--\r\n"


def heard(body: bytes, kind: str, headers: dict[str, str] | None = None) -> bytes:
    return bytes(asyncio.run(audio_in(body, kind, Headers(headers or FORM))))


def refused(body: bytes, kind: str, headers: dict[str, str] | None = None) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        heard(body, kind, headers)
    return caught.value


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("audio/wav", RAW),
        ("AUDIO/X-WAV; rate=44100", RAW),
        ("audio/mpeg", RAW),
        ("application/octet-stream", RAW),
        ("application/ogg", RAW),
        ("video/webm;codecs=opus", RAW),
        ("", RAW),
        ("multipart/form-data; boundary=x", MULTIPART),
        ("application/json", JSON),
        ("application/json; charset=utf-8", JSON),
    ],
)
def test_the_type_tells_how_the_sound_is_sent(content_type: str, kind: str) -> None:
    assert kind_of_body(Headers({"content-type": content_type})) == kind


def test_no_type_at_all_means_the_bytes_of_a_file() -> None:
    assert kind_of_body(Headers({})) == RAW


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/html", "application/x-www-form-urlencoded", "image/png", "audio", "a" * 60_000],
)
def test_another_type_is_not_taken(content_type: str) -> None:
    with pytest.raises(ProblemError) as caught:
        kind_of_body(Headers({"content-type": content_type}))
    assert caught.value.code == "unsupported_media_type"
    assert len(caught.value.detail) < 500


@pytest.mark.parametrize("packed", ["gzip", "br", "gzip, identity"])
def test_a_packed_body_is_not_taken(packed: str) -> None:
    with pytest.raises(ProblemError) as caught:
        kind_of_body(Headers({"content-type": "audio/wav", "content-encoding": packed}))
    assert caught.value.code == "unsupported_media_type"


@pytest.mark.parametrize("sound", [SOUND, LARGE], ids=["small", "large"])
def test_all_three_ways_hold_the_same_sound(sound: bytes) -> None:
    assert heard(sound, RAW) == sound
    assert heard(form(sound), MULTIPART) == sound
    assert heard(json.dumps({"audio": base64.b64encode(sound).decode()}).encode(), JSON) == sound


def test_a_form_may_have_other_fields_and_headers() -> None:
    assert heard(form(SOUND, head=b"Content-Type: audio/wav\r\nX: y\r\n", fields=3), MULTIPART) == SOUND


def test_a_form_may_be_introduced_and_followed_by_anything() -> None:
    assert heard(b"preamble\r\n" + form(SOUND) + b"epilogue" * 1_000, MULTIPART) == SOUND


def test_a_form_may_have_its_file_without_a_name_of_it() -> None:
    assert heard(form(SOUND).replace(b'; filename="a.wav"', b""), MULTIPART) == SOUND


@pytest.mark.parametrize("sound", [b"\r\n--xyz--", b"\r\n" * 500, b"a--XyZ--", b"\r" * 1_000, b"\r\n--Xy" * 100])
def test_what_looks_like_the_end_of_a_form_is_sound(sound: bytes) -> None:
    assert heard(form(sound), MULTIPART) == sound


@pytest.mark.parametrize(
    "body",
    [
        form(name="sound"),
        form(name="f\xfcle"),
        form()[:-30],
        form()[:-9],
        form()[:-9] + form(),
        form(fields=100),
        b"--XyZ\r\nX\r\n\r\n--XyZ--\r\n",
        b"--XyZ\r\n\r\nabc\r\n--XyZ--\r\n",
        b"--XyZ\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--XyZ--\r\n",
        b'--XyZ\r\nContent-Disposition: form-data; name="file\r\n\r\nabc\r\n--XyZ--\r\n',
        b"--XyZ\r\n" + b"a" * 100_000 + b": b\r\n\r\n--XyZ--\r\n",
        b"--XyZ\r\n" + b"a: b\r\n" * 100_000 + b"\r\n--XyZ--\r\n",
        b"no form at all",
        bytes(5_000),
        b"--XyZ--\r\n",
        b"\r\n--XyZ" * 100_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_form_that_is_none_or_has_no_file_is_refused(body: bytes) -> None:
    assert refused(body, MULTIPART).code == "invalid_request"


@pytest.mark.parametrize(
    "parameters",
    ["", "boundary", "boundary=", "boundary=other", 'boundary="' + "\\" * 60_000, "boundary=" + "a" * 100],
)
def test_a_form_without_its_boundary_is_refused(parameters: str) -> None:
    headers = {"content-type": f"multipart/form-data; {parameters}"}
    assert refused(form(), MULTIPART, headers).code == "invalid_request"


@given(body=st.lists(st.sampled_from([b"--XyZ", b"--", b"\r\n", form()[7:60], b":", b";", b'"', b"a"])).map(b"".join))
def test_no_pieces_of_a_form_break_it(body: bytes) -> None:
    with suppress(ProblemError):
        heard(body, MULTIPART)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"null",
        b"[]",
        b'"audio"',
        b"{}",
        b'{"audio": null}',
        b'{"audio": 1}',
        b'{"audio": ["YQ=="]}',
        b'{"audio": "YQ==", "more": 1}',
        b'{"audio": "YQ==", "' + b"a" * 100_000 + b'": 1}',
        b'{"Audio": "YQ=="}',
        b"[" * 100_000,
        b'{"audio":' * 100_000,
        b'{"audio": ' + b"1" * 100_000 + b"}",
        b'{"audio": "\xff\xfe"}',
        b'{"audio": "\\ud800"}',
        '{"audio": "YQ=="}'.encode("utf-16"),
        b'{"audio": "YQ"}',
        b'{"audio": "YQ==YQ=="}',
        b'{"audio": "not base64!"}',
        '{"audio": "\xe4\xf6\xfc="}'.encode(),
        b'{"audio": "' + b"?" * bodies.QUICK_BYTES + b'"}',
        SOUND,
    ],
    ids=lambda body: repr(body[:30]),
)
def test_json_that_holds_no_sound_is_refused(body: bytes) -> None:
    problem = refused(body, JSON)
    assert problem.code == "invalid_request"
    assert len(problem.detail) < 500


@pytest.mark.parametrize(
    ("body", "kind"), [(b"", RAW), (b"", MULTIPART), (b"", JSON), (form(b""), MULTIPART), (b'{"audio": ""}', JSON)]
)
def test_nothing_is_no_sound(body: bytes, kind: str) -> None:
    assert refused(body, kind).code == "empty_body"


@pytest.mark.parametrize("kind", [MULTIPART, JSON])
def test_while_a_large_body_is_read_others_are_answered(kind: str) -> None:
    large = os.urandom(24 * 2**20)
    body = form(large) if kind == MULTIPART else json.dumps({"audio": base64.b64encode(large).decode()}).encode()

    async def turns_of_others() -> int:
        reading = asyncio.create_task(audio_in(body, kind, Headers(FORM)))
        turns = 0
        while not reading.done():
            await asyncio.sleep(0)
            turns += 1
        assert await reading == large
        return turns

    assert asyncio.run(turns_of_others()) > 5


@pytest.mark.parametrize("filler", [b"\r", b"\r\n", b"\r\n-", b"\r\n--Xy", b"\x00"])
def test_no_form_takes_long_to_read(filler: bytes) -> None:
    body = form(filler * (8 * 2**20 // len(filler)))
    start = time.perf_counter()
    assert len(heard(body, MULTIPART)) > 8 * 2**20 - 8
    assert time.perf_counter() - start < 1


def test_uploads_are_held_only_as_long_as_they_are_needed() -> None:
    uploads = Uploads(1_000)
    with uploads.holding() as one:
        one.take(600)
        with uploads.holding() as other, pytest.raises(Overloaded):
            other.take(600)
        assert uploads.held == 600
    assert uploads.held == 0


def test_what_could_not_be_taken_is_not_held() -> None:
    uploads = Uploads(1_000)
    with uploads.holding() as held:
        held.take(900)
        with pytest.raises(Overloaded):
            held.take(200)
    assert uploads.held == 0
