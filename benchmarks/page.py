"""A page of results as Markdown and as HTML: headings, sentences, tables and pictures, said once for both."""

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Cell = str | float | int | None


@dataclass(frozen=True)
class Table:
    """Numbers stand to the right; None is a dash."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Picture:
    """A file that lies beside the page."""

    file: str
    shows: str
    """For those who cannot see it."""


@dataclass(frozen=True)
class Section:
    """A part of a page, in this order."""

    heading: str
    text: Sequence[str] = ()
    """Paragraphs, without any markup but `code`."""
    table: Table | None = None
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class Page:
    """What a reader sees of a measurement."""

    title: str
    origin: Sequence[str]
    """Command, commit, machine, versions: a line each."""
    sections: Sequence[Section] = field(default_factory=tuple)

    def as_markdown(self) -> str:
        """For the repository."""
        return "\n\n".join(_markdown(self)) + "\n"

    def as_html(self) -> str:
        """For a browser, without anything from elsewhere but the pictures beside it."""
        body = "\n".join(_html(self))
        return (
            '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
            f"<title>{html.escape(self.title)}</title>\n"
            f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}</style></head>\n'
            f"<body>\n{body}\n</body>\n</html>\n"
        )


def shown(cell: Cell) -> str:
    """As a reader wants it: three digits that count, a dash where there is nothing."""
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return "–"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 or cell == int(cell) else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _markdown(page: Page) -> Iterator[str]:
    yield f"# {page.title}"
    yield "\n".join(f"- {line}" for line in page.origin)
    for section in page.sections:
        yield f"## {section.heading}"
        yield from section.text
        if section.table:
            yield _markdown_table(section.table)
        yield from (f"![{picture.shows}]({picture.file})" for picture in section.pictures)


def _markdown_table(table: Table) -> str:
    right = to_the_right(table)
    rules = ["--:" if is_right else "---" for is_right in right]
    rows = [[shown(cell).replace("|", "\\|") for cell in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (table.head, rules, *rows))


def _html(page: Page) -> Iterator[str]:
    yield f"<h1>{html.escape(page.title)}</h1>"
    yield "<ul>" + "".join(f"<li>{_text(line)}</li>" for line in page.origin) + "</ul>"
    for section in page.sections:
        yield f"<h2>{html.escape(section.heading)}</h2>"
        yield from (f"<p>{_text(paragraph)}</p>" for paragraph in section.text)
        if section.table:
            yield _html_table(section.table)
        for picture in section.pictures:
            yield f'<img src="{html.escape(picture.file)}" alt="{html.escape(picture.shows)}">'


def _html_table(table: Table) -> str:
    sides = [' class="right"' if is_right else "" for is_right in to_the_right(table)]

    def row(tag: str, cells: Sequence[str]) -> str:
        return (
            "<tr>"
            + "".join(f"<{tag}{side}>{_text(cell)}</{tag}>" for cell, side in zip(cells, sides, strict=True))
            + "</tr>"
        )

    rows = "\n".join(row("td", list(map(shown, cells))) for cells in table.rows)
    return f'<div class="table"><table>\n{row("th", table.head)}\n{rows}\n</table></div>'


def _text(words: str) -> str:
    """What stands between backticks is code."""
    parts = html.escape(words).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def to_the_right(table: Table) -> list[bool]:
    """Whether there are numbers in a column."""
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.head)
    return [any(isinstance(cell, int | float) for cell in column) for column in columns]


_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
ul { padding-left: 1.2rem; opacity: .8; font-size: .9rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #8884; text-align: left; white-space: nowrap; }
.right { text-align: right; }
img { max-width: 100%; display: block; margin: 1rem 0; background: white; }
"""
