"""Debian's Chromium, with a microphone that plays a rooster, and pages that must not break their own policy."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.service.process import ROOT, Process, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOSTER = ROOT / "docs" / "sounds" / "rooster.wav"
PATIENCE_MS = 15_000
WATCH = (
    "addEventListener('securitypolicyviolation', (event) => console.error(`violated: ${event.violatedDirective}`))"
)

Opened = Callable[..., "Page"]
"""Opens a page of a service: its path, and what its context is like."""


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """One for the tests of a module: a loop of its own, which others would stumble over, ends with it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    flags = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={ROOSTER}",
    ]
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: "Browser", server: Process) -> Iterator[Opened]:
    """Pages that are closed afterwards; none of them may have broken a rule, thrown an error or asked elsewhere."""
    contexts, wrongs = [], []

    def opened(path: str, of: Process = server, **context: Any) -> "Page":  # noqa: ANN401
        contexts.append(browser.new_context(base_url=of.url, **context))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(WATCH)
        page.on("request", lambda one: None if one.url.startswith(("blob:", of.url)) else wrongs.append(one.url))
        page.on("pageerror", lambda error: wrongs.append(str(error)))
        page.on("console", lambda one: wrongs.append(one.text) if "violat" in one.text.lower() else None)
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrongs == []


@pytest.fixture(scope="module")
def looking() -> Iterator[Process]:
    """A service in which the debug path is on."""
    with running("--bundle", "esc10-resnet", "--debug") as process:
        yield process


@pytest.fixture
def no_sound(tmp_path: Path) -> Path:
    """A file that is none."""
    file = tmp_path / "notes.txt"
    file.write_text("This is not a sound.", encoding="utf-8")
    return file
