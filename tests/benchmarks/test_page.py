"""What a reader sees, in both forms."""

import pytest

from benchmarks.page import Cell, Page, Picture, Section, Table, shown

PAGE = Page(
    "How fast",
    ["Command: `earshot bench`"],
    [
        Section(
            "Engines <all>", ["p99 & co of `onnx`"],
            Table(["engine", "ms"], [["a|b", 1.234], ["c", None]]), [Picture("fast.png", "a curve")],
        )
    ],
)  # fmt: skip


def test_markdown_has_every_part_in_its_order() -> None:
    assert PAGE.as_markdown() == (
        "# How fast\n\n- Command: `earshot bench`\n\n## Engines <all>\n\np99 & co of `onnx`\n\n"
        "| engine | ms |\n| --- | --: |\n| a\\|b | 1.23 |\n| c | – |\n\n![a curve](fast.png)\n"
    )


def test_html_escapes_what_is_text_and_aligns_what_is_a_number() -> None:
    page = PAGE.as_html()
    assert "<h2>Engines &lt;all&gt;</h2>" in page
    assert "<p>p99 &amp; co of <code>onnx</code></p>" in page
    assert '<tr><td>a|b</td><td class="right">1.23</td></tr>' in page
    assert '<img src="fast.png" alt="a curve">' in page


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (None, "–"), (float("nan"), "–"), (float("inf"), "–"), (0.01234, "0.0123"), (12.345, "12.3"), (3.0, "3"),
        (1234.6, "1,235"), (12345, "12,345"), ("as it is", "as it is"),
    ],
)  # fmt: skip
def test_a_cell_shows_the_digits_that_count(cell: Cell, words: str) -> None:
    assert shown(cell) == words
