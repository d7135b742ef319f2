"""How many cores are there, when a container says so."""

import os
from pathlib import Path

import pytest

from service.cores import cores, quota_in


def test_no_more_than_the_process_may_run_on() -> None:
    assert 1 <= cores() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("text", "quota"),
    [("max 100000\n", None), ("200000 100000\n", 2.0), ("50000 100000\n", 0.5), ("", None), ("1 0\n", None)],
)
def test_a_quota_is_read_as_the_kernel_writes_it(tmp_path: Path, text: str, quota: float | None) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(text)
    assert quota_in(file) == quota


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert quota_in(tmp_path / "nothing") is None
