"""What the README shows is what happens."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LONGEST = 20  # lines that hold code


def program() -> str:
    """The lines with which a stranger names a sound."""
    blocks: list[str] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (found,) = [block for block in blocks if "onnxruntime" in block]
    return found


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """As a stranger would: isolated, with none of this repository's modules to be found."""
    hidden = "import sys; sys.modules.update(dict.fromkeys(('contract', 'export', 'training', 'cli', 'torch')))\n"
    return subprocess.run(
        [sys.executable, "-I", "-c", hidden + program(), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_twenty_lines_name_a_sound_with_three_packages() -> None:
    assert len([line for line in program().splitlines() if line.strip()]) <= LONGEST
    nodes = list(ast.walk(ast.parse(program())))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert not any(isinstance(node, ast.ImportFrom) for node in nodes)
    assert imported - set(sys.stdlib_module_names) == {"numpy", "onnxruntime", "soundfile"}


def test_they_print_what_the_readme_says() -> None:
    result = run("docs/sounds/rooster.wav")
    assert result.returncode == 0, result.stderr
    shown = re.search(r"\$ python name\.py docs/sounds/rooster\.wav\n(.*?)```", README, re.DOTALL)
    assert shown
    names = [line.split()[0] for line in shown[1].splitlines()]
    assert [line.split()[0] for line in result.stdout.splitlines()] == names
    assert names[0] == "rooster"


def test_a_sound_of_another_rate_is_refused_with_the_rate_that_is_wanted(esc10_mini: Path) -> None:
    result = run(str(esc10_mini / "audio" / "1-100032-A-0.ogg"))
    assert result.returncode == 1
    assert "resample to 32000 Hz first" in result.stderr


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:|#)([^)#]+)\)", README))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
