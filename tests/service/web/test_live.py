"""The page Live in a real browser, whose microphone plays a rooster."""

from typing import TYPE_CHECKING

from tests.service.process import Process, running
from tests.service.web.conftest import Opened
from tests.service.web.look import drawn, says

if TYPE_CHECKING:
    from playwright.sync_api import Page


def hears(page: "Page") -> None:
    says(page, "#now", "^rooster$")


def test_the_microphone_is_named_as_it_is_heard_until_it_is_stopped(opened: Opened, server: Process) -> None:
    page = opened("/live")
    page.click("#start")
    hears(page)
    says(page, "#predictions li >> nth=0", "[5-9].\\.. %")
    assert page.locator("#predictions li").count() == 5
    assert "rooster" in page.inner_text("#history")
    assert "answered in" in page.inner_text("#figures")
    assert drawn(page, "#rolling") > 100
    assert page.evaluate("document.activeElement.id") == "stop"
    page.click("#stop")
    says(page, ".state", "^Stopped")
    assert page.locator("#start").is_enabled()
    assert page.locator("#again").is_hidden()
    assert 'earshot_streams_ended_total{reason="asked"}' in server.client.get("/metrics").text


def test_it_says_when_the_service_is_lost_and_connects_again(opened: Opened) -> None:
    with running("--bundle", "esc10-resnet") as first:
        page = opened("/live", of=first)
        page.click("#start")
        hears(page)
        port = str(first.port)
        first.process.kill()
        page.wait_for_selector("#again:visible")
        assert "lost" in page.inner_text(".problem")
        assert page.evaluate("document.activeElement.id") == "again"
        page.click("#again")
        says(page, ".problem", "cannot be reached")
    page.evaluate("document.querySelector('#now').textContent = ''")
    with running("--bundle", "esc10-resnet", "--port", port):
        page.click("#again")
        hears(page)
        assert page.inner_text(".problem") == ""
        page.click("#stop")
        says(page, ".state", "^Stopped")


def test_a_service_that_shuts_down_says_so(opened: Opened) -> None:
    with running("--bundle", "esc10-resnet") as server:
        page = opened("/live", of=server)
        page.click("#start")
        hears(page)
        server.terminate()
        page.wait_for_selector("#again:visible")
        assert "shut" in page.inner_text(".problem")
        assert server.wait() == 0


def test_a_key_opens_the_stream_too(opened: Opened) -> None:
    with running("--bundle", "esc10-resnet", env={"EARSHOT_API_KEYS": "open-sesame"}) as guarded:
        page = opened("/live", of=guarded)
        page.fill("#key", "open-sesame")
        page.keyboard.press("Enter")
        says(page, "#model", "esc10")
        page.click("#start")
        hears(page)
        assert "open-sesame" not in guarded.log


def test_where_there_is_no_secure_context_it_says_what_to_do(opened: Opened) -> None:
    page = opened("/live")
    page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    page.click("#start")
    page.wait_for_selector(".problem:not(:empty)")
    assert "https" in page.inner_text(".problem")
