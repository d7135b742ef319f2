"""How the tests look at a page: what it says in the end, what is drawn, and files that are dropped on it.

Nothing here waits by an expression in the page: its policy forbids to evaluate any.
"""

import base64
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DROP = """([bytes, name, type]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(bytes), (sign) => sign.charCodeAt(0))], name, { type }));
  for (const kind of ["dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
  }
}"""


def says(page: "Page", selector: str, pattern: str) -> None:
    """Come back as soon as what is seen there fits."""
    page.locator(selector, has_text=re.compile(pattern)).first.wait_for()


def drop(page: "Page", content: bytes, name: str, kind: str = "audio/wav") -> None:
    page.evaluate(DROP, [base64.b64encode(content).decode(), name, kind])


def answer_of(page: "Page") -> str:
    page.wait_for_selector("#result:not([hidden])")
    return page.inner_text("#answer")


def problem_of(page: "Page") -> str:
    page.wait_for_selector(".problem:not(:empty)")
    return page.inner_text(".problem")


def drawn(page: "Page", selector: str) -> int:
    """How many colours there are in a canvas."""
    code = """(canvas) => new Set(new Uint32Array(canvas.getContext("2d").getImageData(
      0, 0, canvas.width, canvas.height).data.buffer)).size"""
    return int(page.eval_on_selector(selector, code))
