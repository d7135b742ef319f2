"""axe-core finds nothing serious, on no page, light or dark, with all that can be on it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.service.process import Process
from tests.service.web.conftest import Opened
from tests.service.web.look import says

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
RUN = """async () => (await axe.run()).violations
  .filter(({ impact }) => ["serious", "critical"].includes(impact))
  .map(({ id, nodes }) => [id, nodes.map((one) => one.html).slice(0, 3)])"""


def _listen(page: "Page") -> None:
    page.click("text=Long")
    page.wait_for_selector("#result:not([hidden])")


def _live(page: "Page") -> None:
    page.click("#start")
    says(page, "#history", "%")


def _layers(page: "Page") -> None:
    page.wait_for_selector(".thumbs button")
    page.check("#compare")
    page.wait_for_selector(".side >> nth=1 >> .thumbs button")


def _status(page: "Page") -> None:
    says(page, "#engine", "precision")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("path", "prepare"), [("/", _listen), ("/live", _live), ("/layers", _layers), ("/status", _status)]
)
def test_nothing_stands_in_anybodys_way(
    opened: Opened, looking: Process, path: str, prepare: Callable[["Page"], None], scheme: str
) -> None:
    page = opened(path, of=looking, color_scheme=scheme, reduced_motion="reduce")
    prepare(page)
    page.evaluate(AXE)
    assert page.evaluate(RUN) == []


def test_axe_would_find_something(opened: Opened) -> None:
    page = opened("/")
    page.evaluate("document.querySelector('label[for=file]').remove()")
    page.evaluate(AXE)
    assert [name for name, _ in page.evaluate(RUN)] == ["label"]


def test_a_problem_is_as_readable(opened: Opened) -> None:
    page = opened("/layers")
    page.wait_for_selector(".problem:not(:empty)")
    page.evaluate(AXE)
    assert page.evaluate(RUN) == []
