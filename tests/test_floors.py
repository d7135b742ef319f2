"""Imports run downward only: a room may use the rooms below it, never those beside or above it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "contract": set(),
    "training": {"contract"},
    "export": {"contract", "training"},
    "service": {"contract"},
    "benchmarks": {"contract", "export", "service"},
    "diagnostics": {"contract", "training", "service"},
}
ONLY_HERE = {"service/engines/torch.py": {"training"}, "service/debug/network.py": {"training"}}
"""The engine that is PyTorch, and the eye on its layers, need the model that PyTorch runs; nothing else there may."""
ONLY_THESE_OUTSIDERS = {"contract": {"numpy", "pydantic", "soundfile", "soxr"}}


def modules() -> list[Path]:
    return sorted(path for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_downward_only(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    tops = {name.partition(".")[0] for name in imported(path)}
    assert tops & (MAY_IMPORT.keys() | {"cli", "modal_app"}) <= (
        MAY_IMPORT[room] | {room} | ONLY_HERE.get(path.relative_to(ROOT).as_posix(), set())
    )


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_outgrows_a_readers_patience(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_the_contract_needs_numpy_pydantic_and_a_decoder_only() -> None:
    import sys

    tops = {name.partition(".")[0] for path in (ROOT / "contract").rglob("*.py") for name in imported(path)}
    assert tops - set(sys.stdlib_module_names) - {"contract"} <= ONLY_THESE_OUTSIDERS["contract"]


def test_the_command_line_starts_without_pytorch() -> None:
    import subprocess
    import sys

    code = "import sys, cli; print([m for m in ('torch', 'matplotlib', 'fastapi') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"
