"""A profile is believed where it fits, fills what nobody has set, and never stands in the way of a start."""

from pathlib import Path

import pytest

from contract.bundle import fingerprint
from service.profiles import Place, find_profile, tuned
from service.settings import Settings
from tests.service.graphs import save_graph
from tests.service.process import running
from tests.service.profiles import PLACE, SAID, keep_profile, profile_for

RATE = 8_000


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """One for each test, and no settings from elsewhere."""
    for name in ("REPLICAS", "THREADS", "MAX_BATCH", "PROFILE"):
        monkeypatch.delenv(f"EARSHOT_{name}", raising=False)
    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def said() -> list[str]:
    return []


def sizes(settings: Settings) -> tuple[int | None, int, int | None]:
    return settings.replicas, settings.threads, settings.max_batch


def test_a_profile_fills_what_was_left_alone_and_says_so(said: list[str]) -> None:
    keep_profile(PLACE)
    settings, words = tuned(Settings(port=9000), PLACE, said.append)
    assert sizes(settings) == (1, 2, 7)
    assert settings.port == 9000
    assert words == f"; replicas 1, threads 2, max_batch 7 {SAID}"
    assert said == []


@pytest.mark.parametrize(
    ("given", "found", "words"),
    [
        ({"max_batch": 2}, (1, 2, 2), f"; replicas 1, threads 2 {SAID}"),
        ({"replicas": 4}, (4, 1, 7), f"; max_batch 7 {SAID}"),
        ({"threads": 1}, (None, 1, 7), f"; max_batch 7 {SAID}"),  # as much as the default, but given
        ({"replicas": 4, "max_batch": 2}, (4, 1, 2), ""),
        ({"profile": False}, (None, 1, None), ""),
    ],
)
@pytest.mark.parametrize("by_environment", [False, True])
def test_whoever_sets_something_has_it_his_way(
    given: dict[str, int], found: tuple[int | None, ...], words: str, monkeypatch: pytest.MonkeyPatch, *,
    by_environment: bool,
) -> None:  # fmt: skip
    keep_profile(PLACE)
    if by_environment:
        for name, value in given.items():
            monkeypatch.setenv(f"EARSHOT_{name.upper()}", str(value))
    settings = Settings() if by_environment else Settings(**given)  # type: ignore[arg-type]
    settings, told = tuned(settings, PLACE, pytest.fail)
    assert sizes(settings) == found
    assert told == words


def test_a_flag_wins_over_the_environment_and_that_over_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_profile(PLACE)
    monkeypatch.setenv("EARSHOT_MAX_BATCH", "3")
    assert tuned(Settings(max_batch=5), PLACE, pytest.fail)[0].max_batch == 5
    assert tuned(Settings(), PLACE, pytest.fail)[0].max_batch == 3
    monkeypatch.delenv("EARSHOT_MAX_BATCH")
    assert tuned(Settings(), PLACE, pytest.fail)[0].max_batch == 7


def test_without_a_profile_nothing_changes_and_nothing_is_said() -> None:
    assert tuned(Settings(), PLACE, pytest.fail) == (Settings(), "")


OTHERS = [
    PLACE.model_copy(update={"processor": "Another"}),
    PLACE.model_copy(update={"cores": 4}),
    PLACE.model_copy(update={"engine": "torch"}),
    PLACE.model_copy(update={"device": "NVIDIA A10G"}),
    PLACE.model_copy(update={"sha256": "cd" * 32}),
]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.unlike(PLACE).partition(" ")[0])
def test_what_was_found_elsewhere_or_for_another_graph_is_not_taken(other: Place, said: list[str]) -> None:
    keep_profile(other)
    assert tuned(Settings(), PLACE, said.append) == (Settings(), "")
    (sentence,) = said
    assert "none for this graph and engine on this machine" in sentence


def test_profiles_of_several_machines_lie_side_by_side() -> None:
    for place in (PLACE, *OTHERS):
        keep_profile(place)
    assert len(list(PLACE.file.parent.iterdir())) == 1 + len(OTHERS)
    for place in (PLACE, *OTHERS):
        found = find_profile(place, pytest.fail)
        assert found
        assert found.place == place


def test_a_profile_of_another_version_of_the_library_is_left_alone_until_it_is_replaced(said: list[str]) -> None:
    older = PLACE.model_copy(update={"version": "1.30.0"})
    keep_profile(older)
    assert tuned(Settings(), PLACE, said.append) == (Settings(), "")
    (sentence,) = said
    assert "is for version 1.30.0, not 1.31.1" in sentence
    assert older.file == PLACE.file


def test_a_profile_that_was_renamed_fits_no_better(said: list[str]) -> None:
    keep_profile(OTHERS[0])
    OTHERS[0].file.rename(PLACE.file)
    assert find_profile(PLACE, said.append) is None
    assert "is for processor Another, not A CPU" in said[0]


WHOLE = profile_for(PLACE).model_dump_json()


def whole_with(old: str, new: str) -> bytes:
    assert old in WHOLE
    return WHOLE.replace(old, new).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"null", b"\xff\xfe", b"[" * 100_000,
        whole_with('"replicas":1', '"replicas":0'), whole_with('"threads":2', '"threads":100000'),
        whole_with('"max_batch":7', '"max_batch":NaN'), whole_with('"schema_version":1', '"schema_version":2'),
        whole_with('"tuning":{', '"tuning":{"port":80,'), whole_with('"commit"', f'"{"x" * 100_000}"'),
    ],
)  # fmt: skip
def test_a_broken_profile_is_told_once_and_left_alone(content: bytes, said: list[str]) -> None:
    keep_profile(PLACE)
    PLACE.file.write_bytes(content)
    assert tuned(Settings(), PLACE, said.append) == (Settings(), "")
    (sentence,) = said
    assert "is damaged or of another version" in sentence
    assert "\n" not in sentence


def test_a_profile_that_cannot_be_read_is_told(said: list[str]) -> None:
    PLACE.file.mkdir(parents=True)
    assert find_profile(PLACE, said.append) is None
    assert "cannot be read (Is a directory)" in said[0]


def test_who_has_no_home_has_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("EARSHOT_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    assert tuned(Settings(), PLACE, pytest.fail) == (Settings(), "")


def test_a_service_takes_its_profile_and_says_so_unless_it_is_told_otherwise(tmp_path: Path, cache: Path) -> None:
    import onnxruntime

    path = save_graph(tmp_path / "mine.onnx")
    keep_profile(Place.here("onnx", onnxruntime.__version__, "cpu", fingerprint(path).sha256))
    flags = ("--model", str(path), "--sample-rate", str(RATE))
    with running(*flags, env={"EARSHOT_CACHE": str(cache)}) as process:
        engine = process.client.get("/v1/model").json()["engine"]
        log = process.log
    assert (engine["replicas"], engine["max_batch"]) == (1, 7)
    assert engine["chosen_because"].endswith(f"; replicas 1, threads 2, max_batch 7 {SAID}")
    assert len([line for line in log.splitlines() if "made by earshot tune for throughput" in line]) == 1
    with running(*flags, "--no-profile", env={"EARSHOT_CACHE": str(cache)}) as process:
        assert process.client.get("/v1/model").json()["engine"]["chosen_because"] == "the fastest that works here"
        assert "profile" not in process.log
    with running(*flags, "--max-batch", "3", env={"EARSHOT_CACHE": str(cache)}) as process:
        assert process.client.get("/v1/model").json()["engine"]["max_batch"] == 3
