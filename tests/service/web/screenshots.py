"""Takes the pictures of the pages for the documentation: `python -m tests.service.web.screenshots`."""

import io
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.service.process import ROOT, Process, running
from tests.service.web.look import says

if TYPE_CHECKING:
    from playwright.sync_api import Page

PLACE = ROOT / "docs" / "images"
DESK: dict[str, Any] = {"viewport": {"width": 1180, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 1250},
    "is_mobile": True,
    "device_scale_factor": 2,
    "color_scheme": "dark",
}
MOST_BYTES = 200_000
COLOURS = 192


def _listen(page: "Page", sample: str) -> None:
    page.click(f"text={sample}")
    page.wait_for_selector("#result:not([hidden])")
    page.wait_for_timeout(500)


def _layers(page: "Page") -> None:
    page.wait_for_selector(".thumbs button")
    page.check("#compare")
    page.wait_for_selector(".side >> nth=1 >> .thumbs button")
    page.wait_for_timeout(500)


def _status(page: "Page") -> None:
    says(page, "#engine", "precision")
    page.wait_for_timeout(4000)


def _work(server: Process) -> None:
    rooster = (ROOT / "docs" / "sounds" / "rooster.wav").read_bytes()
    for _ in range(200):
        server.classify(rooster).raise_for_status()


def _save(name: str, png: bytes) -> None:
    with Image.open(io.BytesIO(png)) as picture:
        few = picture.convert("RGB").quantize(COLOURS)
        few.save(PLACE / name, optimize=True)
    size = (PLACE / name).stat().st_size
    assert size <= MOST_BYTES, f"{name}: {size:,} bytes"


def main() -> None:
    """All four."""
    from playwright.sync_api import sync_playwright

    with running("--debug") as server, sync_playwright() as run:
        browser = run.chromium.launch(executable_path=shutil.which("chromium"))

        def take(path: str, name: str, prepare: Callable[["Page"], None], **context: Any) -> None:  # noqa: ANN401
            page = browser.new_context(base_url=server.url, reduced_motion="reduce", **context).new_page()
            page.goto(path)
            prepare(page)
            _save(name, page.screenshot(full_page=not context.get("is_mobile")))
            page.context.close()

        take("/", "listen.png", lambda page: _listen(page, "Long"), **DESK)
        take("/", "listen-phone.png", lambda page: _listen(page, "Dog"), **PHONE)
        take("/layers", "layers.png", _layers, **DESK)
        _work(server)
        take("/status", "status.png", _status, **DESK)
        browser.close()


if __name__ == "__main__":
    main()
