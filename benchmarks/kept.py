"""Where results are kept, and as what: in `results/MACHINE/DATE-COMMIT/`, JSON for programs, pages for people."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.page import Page, Section
from benchmarks.provenance import Provenance
from benchmarks.series import Series
from contract.files import replacing

RESULTS = Path(__file__).parent / "results"


def folder_for(origin: Provenance, asked: Path | None = None) -> Path:
    """The one that was asked for, or that of this machine, day and commit; it is there afterwards."""
    folder = asked or RESULTS / slug(origin.machine) / f"{origin.date[:10]}-{slug(origin.commit)}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def slug(words: str) -> str:
    """As a folder's name: `AMD EPYC 9B14, 2 cores` is `amd-epyc-9b14-2-cores`; a + is worth keeping."""
    return re.sub(r"[^a-z0-9+]+", "-", words.lower()).strip("-")


def keep(
    folder: Path,
    name: str,
    title: str,
    origin: Provenance,
    sections: Sequence[Section],
    series: Sequence[Series],
    details: dict[str, Any],
) -> None:
    """NAME.json with every figure, NAME.md and NAME.html with what it says; pictures are drawn there by others."""
    page = Page(title, origin_lines(origin), sections)
    content = asdict(origin) | {"title": title, "series": [one.as_json() for one in series], "details": details}
    texts = {
        f"{name}.json": json.dumps(without_nan(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        f"{name}.md": page.as_markdown(),
        f"{name}.html": page.as_html(),
    }
    for file, text in texts.items():
        _write(folder / file, text)
    _write_overview(folder)


def _write_overview(folder: Path) -> None:
    """What lies in a folder, by its titles: README.md, which is what people see of it first."""
    lines = ["# Results", ""]
    for file in sorted(folder.glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        if "title" in content:
            origin = f"`{content['command']}` at `{content['commit']}`, {content['date']}; {content['machine']}"
            lines.append(f"- [{content['title']}]({file.stem}.md): {origin}")
    _write(folder / "README.md", "\n".join(lines) + "\n")


def _write(file: Path, text: str) -> None:
    with replacing(file) as aside:
        aside.write_text(text, encoding="utf-8")


def origin_lines(origin: Provenance) -> list[str]:
    """As they stand at the head of a page."""
    versions = ", ".join(f"{name} {version}" for name, version in origin.packages.items())
    return [
        f"Command: `{origin.command}`", f"Machine: {origin.machine}", f"Commit: `{origin.commit}`, {origin.date}",
        f"Python {origin.python}, {versions}",
    ]  # fmt: skip


def without_nan(content: Any) -> Any:  # noqa: ANN401
    """JSON has no word for what is no number: null."""
    match content:
        case dict():
            return {name: without_nan(value) for name, value in content.items()}
        case list() | tuple():
            return [without_nan(value) for value in content]
        case float() if not math.isfinite(content):
            return None
    return content
