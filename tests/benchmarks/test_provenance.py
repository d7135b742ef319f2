"""What stands beside a figure: the GPU too, where there is one."""

from pathlib import Path

import pytest

from benchmarks.provenance import Provenance


def test_the_gpu_is_named_as_its_driver_calls_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho NVIDIA A10G\n", encoding="utf-8")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert Provenance.here().machine.endswith(" GiB, NVIDIA A10G")


@pytest.mark.parametrize("script", ["", "#!/bin/sh\nexit 9\n"])
def test_without_a_driver_that_answers_none_is_named(
    script: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if script:
        (tmp_path / "nvidia-smi").write_text(script, encoding="utf-8")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert Provenance.here().machine.endswith(" GiB")
