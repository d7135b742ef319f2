"""Which TensorRT is found, and how often an engine is built."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from contract import tensorrt_kept
from contract.engine_file import Profile
from contract.errors import UnavailableError
from contract.tensorrt import engine_key
from contract.tensorrt_kept import PROFILES, find_library, kept_engine, no_library, profiles_up_to
from tests.contract.fake_tensorrt import Library


def test_native_tensorrt_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    def imported(name: str) -> ModuleType:
        if name in missing:
            raise missing[name]
        return ModuleType(name)

    monkeypatch.setattr(tensorrt_kept, "import_module", imported)
    missing: dict[str, Exception] = {}
    assert getattr(find_library(), "__name__", None) == "tensorrt"
    missing["tensorrt"] = OSError("libnvinfer.so.11: cannot open shared object file")
    assert getattr(find_library(), "__name__", None) == "tensorrt_rtx"
    missing["tensorrt_rtx"] = ImportError("no module")
    assert find_library() is None


def test_what_is_not_installed_may_be_missing_and_what_is_broken_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_kept, "find_spec", lambda name: name if name == "tensorrt_rtx" else None)
    broken = no_library()
    assert "tensorrt_rtx is installed, but does not load" in str(broken)
    assert not isinstance(broken, UnavailableError)
    monkeypatch.setattr(tensorrt_kept, "find_spec", lambda _: None)
    missing = no_library()
    assert "no TensorRT is installed here" in str(missing)
    assert isinstance(missing, UnavailableError)


@pytest.mark.parametrize(
    ("name", "capability", "target"),
    [("tensorrt", (8, 6), None), ("tensorrt_rtx", (8, 6), (8, 6)), ("tensorrt_rtx", (9, 0), None)],
)
def test_an_engine_is_built_once_for_a_gpu(
    name: str,
    capability: tuple[int, int],
    target: tuple[int, int] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TensorRT for RTX names no sm90, so a plan for all GPUs is tried there."""
    built: list[Any] = []

    def build(*_: object, compute_capability: object, **__: object) -> bytes:
        built.append(compute_capability)
        return b"plan"

    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path))
    monkeypatch.setattr(tensorrt_kept, "build_engine", build)
    module = Library(name).module()
    notes: list[str] = []
    for _ in range(2):
        ready = kept_engine(module, b"graph", PROFILES, capability, "A GPU", notes.append)
        assert ready.plan == b"plan"
    assert built == [target]
    (note,) = notes
    assert "is being built" in note
    key = engine_key(module, b"graph", PROFILES, capability, "A GPU")
    assert ready.path == tmp_path / "engines" / key.file_name
    kept_engine(module, b"graph", PROFILES, capability, "Another GPU", notes.append)
    assert len(built) == 2


def test_larger_batches_than_usual_have_a_profile_and_smaller_ones_the_usual_engine() -> None:
    assert profiles_up_to(1) == profiles_up_to(32) == PROFILES
    assert profiles_up_to(64) == (Profile(1, 1, 1), Profile(2, 8, 64))
