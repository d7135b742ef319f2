"""A bundle is what its manifest says, byte for byte, or it is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.bundle import MANIFEST, BundleError, find_bundle, find_damage, fingerprint, open_bundle, read_manifest
from contract.bundle import Bundle as OpenedBundle
from tests.contract.manifests import smallest_manifest

CONTENT = {"model.onnx": b"graph " * 100, "reference.npz": b"statistics", "weights.safetensors": b"weights"}


def manifest(folder: Path) -> dict[str, Any]:
    """Of a bundle with all that is needed."""
    return smallest_manifest() | {"files": {name: fingerprint(folder / name).model_dump() for name in CONTENT}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in CONTENT.items():
        (tmp_path / name).write_bytes(content)
    write(tmp_path, manifest(tmp_path))
    return tmp_path


def write(folder: Path, content: object) -> None:
    (folder / MANIFEST).write_text(json.dumps(content))


def test_a_whole_bundle_opens(folder: Path) -> None:
    bundle = open_bundle(folder)
    assert bundle.manifest.labels == ("dog", "rain")
    assert bundle.path("model.onnx").read_bytes() == CONTENT["model.onnx"]


@given(position=st.integers(0, len(CONTENT["model.onnx"]) - 1), bit=st.integers(0, 7))
def test_a_single_changed_bit_is_found(position: int, bit: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("bundle")
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    write(folder, manifest(folder))
    damaged = bytearray(CONTENT["model.onnx"])
    damaged[position] ^= 1 << bit
    (folder / "model.onnx").write_bytes(damaged)
    with pytest.raises(BundleError, match=r"model\.onnx was changed"):
        open_bundle(folder)


def test_every_damaged_file_is_named(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    (folder / "reference.npz").write_bytes(b"cut")
    assert find_damage(OpenedBundle(folder, read_manifest(folder))) == [
        "model.onnx is missing",
        "reference.npz is 3 bytes long instead of 10",
    ]


def test_fields_of_a_newer_minor_schema_are_passed_over(folder: Path) -> None:
    write(folder, manifest(folder) | {"schema_version": "1.7", "mood": "sunny"})
    assert open_bundle(folder).manifest.name == "tiny"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema_version": "2.0"}, "has schema 2.0, this version of Earshot reads 1.0: update Earshot"),
        ({"schema_version": "0.9"}, "export the model anew"),
        ({"schema_version": None}, "names no schema_version"),
        ({"schema_version": 1}, "names no schema_version"),
        ({"schema_version": "1" * 5000 + ".0"}, "names no schema_version"),
        ({"files": {}}, "names no model.onnx"),
        ({"labels": ["dog", "dog"]}, "labels: Value error, a label stands there twice"),
        ({"files": {"../secret": {"sha256": "0" * 64, "bytes": 1}}}, "is no name of a file in a bundle"),
        ({"files": {"/etc/passwd": {"sha256": "0" * 64, "bytes": 1}}}, "is no name of a file in a bundle"),
        ({"files": {"..\\secret": {"sha256": "0" * 64, "bytes": 1}}}, "is no name of a file in a bundle"),
        ({"calibration": {}}, "calibration.temperature: Field required"),
        ({"audio": {"sample_rate": 0, "window_samples": 1}}, "audio.sample_rate"),
    ],
)
def test_what_a_manifest_may_not_say(folder: Path, change: dict[str, Any], sentence: str) -> None:
    write(folder, manifest(folder) | change)
    with pytest.raises(BundleError) as caught:
        open_bundle(folder)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b"NaN", b'"text"'])
def test_a_manifest_that_is_none(folder: Path, content: bytes) -> None:
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError, match="manifest"):
        read_manifest(folder)


def test_a_folder_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is no bundle"):
        open_bundle(tmp_path)


def test_a_file_that_the_bundle_lacks_is_named_with_those_it_has(folder: Path) -> None:
    with pytest.raises(
        BundleError, match=r"has no model\.int8\.onnx; it has model\.onnx, reference\.npz, weights\.safetensors"
    ):
        open_bundle(folder).path("model.int8.onnx")


def test_a_bundle_is_found_by_its_folder_or_refused_with_those_there_are(folder: Path) -> None:
    assert find_bundle(str(folder)) == folder
    with pytest.raises(BundleError, match="no bundle nonsense"):
        find_bundle("nonsense")
    with pytest.raises(BundleError, match="no bundle"):
        find_bundle("../contract-that-is-not-there")
