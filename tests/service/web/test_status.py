"""The page Status in a real browser: what the metrics say, and what it says when there are none."""

from tests.service.process import Process, running
from tests.service.web.conftest import Opened
from tests.service.web.look import says


def test_it_shows_the_engine_and_what_it_has_done(opened: Opened, server: Process, rooster: bytes) -> None:
    for _ in range(5):
        server.classify(rooster).raise_for_status()
    page = opened("/status")
    says(page, "#health", "^Ready")
    says(page, "#engine", "precision")
    assert "int8" in page.inner_text("#engine")
    assert "requests: half within" in page.inner_text("#quantiles")
    assert page.locator("#latency li").count() == 16
    assert page.locator("#batches li").count() == 9
    assert "overloaded" in page.inner_text("#refusals")


def test_it_is_live(opened: Opened, server: Process, rooster: bytes) -> None:
    page = opened("/status")
    page.select_option("#span", "minute")
    says(page, "#quantiles", "^No requests")
    server.classify(rooster).raise_for_status()
    says(page, "#quantiles", "^1 requests")
    page.select_option("#stage", "decode")
    says(page, "#quantiles", "^1 requests")


def test_it_says_when_the_service_is_gone_and_recovers(opened: Opened, rooster: bytes) -> None:
    with running("--bundle", "esc10-resnet") as first:
        page = opened("/status", of=first)
        says(page, "#health", "^Ready")
        port = str(first.port)
        first.process.kill()
        says(page, "#health", "cannot be reached since")
        assert page.locator("#figures.stale").count() == 1
    with running("--bundle", "esc10-resnet", "--port", port) as second:
        says(page, "#health", "^Ready")
        assert page.locator("#figures.stale").count() == 0
        second.classify(rooster).raise_for_status()
        says(page, "#quantiles", "^1 requests")


def test_where_the_model_needs_a_key_the_figures_are_there_all_the_same(opened: Opened) -> None:
    with running("--bundle", "esc10-resnet", env={"EARSHOT_API_KEYS": "open-sesame"}) as guarded:
        page = opened("/status", of=guarded)
        page.wait_for_selector("#key")
        assert "engines at work" in page.inner_text("#work")
        page.fill("#key", "open-sesame")
        page.keyboard.press("Enter")
        says(page, "#engine", "precision")
