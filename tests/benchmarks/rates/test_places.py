"""A service that runs already, or does not: one clear sentence, or something that can be loaded."""

import asyncio
import socket

import pytest

from benchmarks.rates.places import place_of
from benchmarks.subject import Subject
from contract.errors import EarshotError
from tests.benchmarks.tiny import named, refused, server_apart


def test_nobody_is_there(subject: Subject) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(EarshotError, match=rf"nobody answers as Earshot does at 127.0.0.1:{port}: start it"):
        place_of(f"http://127.0.0.1:{port}", subject)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:80", "https://127.0.0.1", "http://", "http://a:99999", "http://a:8000/v1/classify", ""]
)
def test_an_address_that_is_none(url: str, subject: Subject) -> None:
    with pytest.raises(EarshotError, match="expected http://host:port"):
        place_of(url, subject)


def test_a_machine_that_is_unknown(subject: Subject) -> None:
    with pytest.raises(EarshotError, match=r"there is no machine called nowhere\.invalid"):
        place_of("http://nowhere.invalid:8000", subject)


def test_somebody_else_is_there(subject: Subject) -> None:
    async def no_earshot(_: int) -> bytes:
        await asyncio.sleep(0)
        return refused(404, "who_knows")

    with (
        server_apart(no_earshot) as port,
        pytest.raises(EarshotError, match=r"answers 404 \(who_knows\) to a good sound"),
    ):
        place_of(f"http://localhost:{port}", subject)


def test_one_that_runs_is_taken_at_its_word(subject: Subject) -> None:
    async def in_turn(number: int) -> bytes:
        return named("hen" if number % 2 else "rooster")

    with server_apart(in_turn) as port, place_of(f"http://localhost:{port}", subject) as place:
        assert place.labels[:2] == ["hen", "rooster"]
        assert place.raw() is None
        assert place.address.host in {"127.0.0.1", "::1"}
        assert f"Host: localhost:{port}\r\n".encode() in place.requests()[0].wire[:300]
        assert b"POST /v1/classify?timeout_ms=12 HTTP/1.1\r\n" in place.requests(12.3)[0].wire[:300]
