"""An answer is kept for whoever reads it slowly, and not for whoever does not read it."""

import time

import pytest

from service import patience
from tests.service.tiny import LARGE, serving
from tests.service.wire import request, wait_for, wire


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_an_answer_that_nobody_reads_is_not_kept(connection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "UNREAD_S", 0.2)
    with serving() as tiny, wire(tiny.port) as line:
        line.send(request("/long", connection=connection))
        wait_for(lambda: bool(tiny.connections))
        wait_for(lambda: not tiny.connections)
        assert len(line.rest()) < len(LARGE)


def test_an_answer_that_is_read_slowly_is_kept() -> None:
    with serving(keep_alive_s=1) as tiny, wire(tiny.port) as line:
        line.send(request("/long", connection="close"))
        time.sleep(1.3)
        assert len(line.answer().body) == len(LARGE)
