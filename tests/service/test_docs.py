"""The table of settings in docs/service.md is made of the settings: `python -m tests.service.test_docs` writes it."""

from pathlib import Path

from pydantic import SecretStr

from service.problems import KINDS
from service.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "service.md"
BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->\n"


def table() -> str:
    rows = ["| setting | if left alone | what it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        assert not isinstance(default, SecretStr)
        shown = "" if default is None or default == () else f"`{default}`"
        meaning = " ".join(str(field.description).split())
        rows.append(f"| `EARSHOT_{name.upper()}` | {shown} | {meaning} |")
    return "\n".join(rows) + "\n"


def with_table(page: str) -> str:
    before, rest = page.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


def test_the_page_lists_every_setting() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), "python -m tests.service.test_docs writes the table anew"


def test_the_page_lists_every_code_with_its_status() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for code, kind in KINDS.items():
        assert f"| `{code}` | {kind.status} |" in page


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
