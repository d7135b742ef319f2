"""A bundle stands there whole or not at all, and never in the place of something else."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import pytest

from contract.bundle import FLOAT_GRAPH, MANIFEST, WEIGHTS, Bundle, open_bundle
from contract.errors import EarshotError
from contract.manifest import License
from contract.reference import load_reference
from export.findings import Findings
from export.session import Session
from export.terms import Terms
from export.testimony import Graphs
from export.writer import require_place, write_bundle
from tests.export.conftest import NAMES, SAMPLES, WIDTH, findings_of, linear_graph, witness
from training.checkpoint import load_model, with_half_weights
from training.material import Sounds

HEARD = 100  # samples
UNKNOWN = Terms(License(name="not stated", commercial_use=None))
OWED = Terms(
    License(name="CC BY 3.0", commercial_use=True, attribution="K. J. Piczak, ESC"),
    {"1-100032-A-0": "rose_bark.wav by nfrae [CC0]", "1-17367-A-10": "door.wav by cognito perceptu [CC-BY]"},
)


@pytest.fixture(scope="module")
def findings(sounds: Sounds) -> Findings:
    return findings_of(witness(sounds, 1))


@pytest.fixture(scope="module")
def graphs() -> Graphs:
    """The same for all three, and small: what they answer does not matter here."""
    return dict.fromkeys(NAMES, linear_graph(HEARD))


@pytest.fixture(scope="module")
def bundle(findings: Findings, graphs: Graphs, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Not to be changed."""
    return write_bundle(tmp_path_factory.mktemp("bundles") / "tiny", "tiny", "1.0.0", graphs, findings, OWED, False)


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """As on a disk that is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("force", [False, True])
def test_where_nothing_stands_a_bundle_may(tmp_path: Path, force: bool) -> None:
    require_place(tmp_path / "new", force)


def test_what_stands_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).touch()
    with pytest.raises(EarshotError, match=r"is there already: choose another --out, or replace .* by --force"):
        require_place(tmp_path, False)
    require_place(tmp_path, True)


def test_other_work_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / MANIFEST).touch()
    (tmp_path / "link").symlink_to(tmp_path / "bundle")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for place in (tmp_path, tmp_path / "thesis.tex", tmp_path / "link", tmp_path / "dangling"):
        with pytest.raises(EarshotError, match=f"^{place} is there and is no bundle: it will not be replaced"):
            require_place(place, True)


def test_every_file_is_written_and_accounted_for(bundle: Bundle) -> None:
    names = {*NAMES, WEIGHTS, "reference.npz", "card.md", "ATTRIBUTION.md"}
    assert set(bundle.manifest.files) == names
    assert {path.name for path in bundle.folder.iterdir()} == names | {MANIFEST}
    assert open_bundle(bundle.folder) == bundle
    assert {path.name for path in bundle.folder.parent.iterdir()} == {"tiny"}


def test_its_graphs_say_what_they_are(bundle: Bundle) -> None:
    told = {entry.key: entry.value for entry in onnx.load_model(bundle.path(FLOAT_GRAPH)).metadata_props}
    assert told == {
        "name": "tiny",
        "version": "1.0.0",
        "labels": '["dog", "rooster", "rain", "sneezing"]',
        "sample_rate": "16000",
        "window_samples": str(SAMPLES),
        "temperature": str(bundle.manifest.calibration.temperature),
        "reject_below": str(bundle.manifest.calibration.reject_below),
        "license": "CC BY 3.0",
        "source": "abc",
    }


def test_its_weights_are_those_of_the_model_in_half_the_bytes(bundle: Bundle, findings: Findings) -> None:
    model, facts = load_model(bundle.path(WEIGHTS))
    assert facts == findings.own.facts
    wanted = with_half_weights(findings.own.model).state_dict()
    assert all(np.array_equal(tensor, wanted[name]) for name, tensor in model.state_dict().items())


def test_its_reference_measures_the_embeddings_of_its_graphs(bundle: Bundle) -> None:
    _, embedding = Session(onnx.load_model(bundle.path(FLOAT_GRAPH)))(np.ones((2, HEARD), np.float32))
    reference = load_reference(bundle.path("reference.npz"))
    assert reference.distance(embedding).shape == (2,)
    assert reference.predicted.sum() == bundle.manifest.calibration.windows == 8
    assert set(reference.histograms) == {
        "level_db", "peak_db", "centroid_hz", "rolloff_hz", "confidence", "novelty",
    }  # fmt: skip


def test_whom_sounds_are_owed_to_stands_in_a_file_of_its_own(bundle: Bundle) -> None:
    assert bundle.path("ATTRIBUTION.md").read_text() == (
        "# Sounds that tiny has learned from\n\nK. J. Piczak, ESC.\n\n"
        "- 1-100032-A-0: rose_bark.wav by nfrae [CC0]\n- 1-17367-A-10: door.wav by cognito perceptu [CC-BY]\n"
    )
    card = bundle.path("card.md").read_text()
    assert "1 × CC0, 1 × CC-BY; by whom, and under what terms, stands in [ATTRIBUTION.md](ATTRIBUTION.md)." in card


def test_the_manifest_is_the_one_that_is_told_and_can_be_read_by_a_person(bundle: Bundle) -> None:
    text = (bundle.folder / MANIFEST).read_text()
    assert json.loads(text) == bundle.manifest.model_dump(mode="json")
    assert len(text.splitlines()) > 50
    assert bundle.manifest.model.embedding == WIDTH


def test_a_bundle_that_appeared_meanwhile_is_not_overwritten(
    findings: Findings, graphs: Graphs, tmp_path: Path
) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / MANIFEST).write_text("of somebody else")
    with pytest.raises(EarshotError, match="is there already"):
        write_bundle(folder, "tiny", "2", graphs, findings, UNKNOWN, False)
    assert content(folder) == {MANIFEST: b"of somebody else"}
    assert list(tmp_path.iterdir()) == [folder]


def test_a_bundle_is_replaced_as_a_whole_where_that_is_asked(
    findings: Findings, graphs: Graphs, tmp_path: Path
) -> None:
    folder = tmp_path / "tiny"
    write_bundle(folder, "tiny", "1", graphs, findings, OWED, False)
    write_bundle(folder, "tiny", "2", graphs, findings, UNKNOWN, True)
    assert open_bundle(folder).manifest.version == "2"
    assert "ATTRIBUTION.md" not in content(folder)
    assert list(tmp_path.iterdir()) == [folder]


def test_other_work_that_appeared_meanwhile_is_not_replaced(
    findings: Findings, graphs: Graphs, tmp_path: Path
) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "thesis.tex").write_text("dear")
    with pytest.raises(EarshotError, match="is there and is no bundle"):
        write_bundle(folder, "tiny", "2", graphs, findings, UNKNOWN, True)
    assert content(folder) == {"thesis.tex": b"dear"}
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("size", [10_000, 20_000])  # of a graph, of the weights
def test_a_full_disk_leaves_what_stood_there_and_nothing_else(
    findings: Findings, graphs: Graphs, tmp_path: Path, size: int
) -> None:
    folder = tmp_path / "tiny"
    with pytest.raises(OSError, match="File too large"), files_limited_to(size):
        write_bundle(folder, "tiny", "1", graphs, findings, UNKNOWN, False)
    assert not list(tmp_path.iterdir())
    write_bundle(folder, "tiny", "1", graphs, findings, UNKNOWN, False)
    before = content(folder)
    with pytest.raises(OSError, match="File too large"), files_limited_to(size):
        write_bundle(folder, "tiny", "2", graphs, findings, UNKNOWN, True)
    assert content(folder) == before
    assert list(tmp_path.iterdir()) == [folder]
