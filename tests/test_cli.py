"""The program as a whole: its help, and what it says where something is not installed."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def earshot_without(module: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command where this module cannot be imported."""
    code = f"import sys; sys.modules[{module!r}] = None; sys.argv = ['earshot', *{words!r}]; import cli; cli.main()"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_what_is_not_installed_is_named_with_the_command_that_installs_it() -> None:
    result = earshot_without("torch", "recipes")
    assert result.returncode == 1
    assert result.stderr.strip() == (
        "error: this command needs torch, which is not installed: pip install -e '.[train]'"
    )


def test_help_needs_nothing_of_it() -> None:
    result = earshot_without("torch", "train", "--help")
    assert result.returncode == 0
    assert "--resume" in result.stdout


def test_a_bug_is_not_hidden_behind_a_sentence() -> None:
    result = earshot_without("json", "recipes")
    assert "Traceback" in result.stderr


def test_locust_is_named_before_a_service_is_started_for_it() -> None:
    result = earshot_without("locust", "bench", "locust")
    assert result.returncode == 1
    assert result.stderr.strip() == (
        "error: this command needs locust, which is not installed: pip install -e '.[bench]'"
    )
