"""API keys: who has one is let in, who has none is told so, and nobody takes all the room."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.datastructures import Headers

from contract.errors import EarshotError
from service.access import Keys, is_admin
from service.batcher import Overloaded
from service.problems import ProblemError
from service.settings import Settings
from tests.service.process import WAV, Process, running
from tests.service.wire import post, request, wait_for, wire


def keys(api_keys: str | None = None, file: Path | None = None, admin_key: str | None = None) -> Keys:
    """Of a service with these settings."""
    return Keys(
        Settings(
            api_keys=SecretStr(api_keys) if api_keys else None,
            api_keys_file=file,
            admin_key=SecretStr(admin_key) if admin_key else None,
            key_concurrency=2,
        )
    )


def bearer(key: str) -> Headers:
    return Headers({"authorization": f"Bearer {key}"})


def test_without_keys_everybody_may_come() -> None:
    assert keys().name_of(Headers({})) is None
    assert keys(admin_key="boss").name_of(Headers({})) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer one"},
        {"authorization": "bearer  one "},
        {"x-api-key": "one"},
        {"X-API-Key": " one "},
    ],
)
def test_a_key_is_carried_in_either_header(headers: dict[str, str]) -> None:
    assert keys("one, two").name_of(Headers(headers))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer three"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer"},
        {"authorization": "Basic one"},
        {"authorization": "one"},
        {"x-api-key": "one,two"},
        {"x-api-key": "on"},
        {"x-api-key": "One"},
        {"x-api-key": ""},
        {"authorization": "Bearer wrong", "x-api-key": "one"},
        {"x-api-key": "\xff" * 1000},
    ],
)
def test_whatever_is_no_key_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ProblemError) as caught:
        keys("one, two").name_of(Headers(headers))
    assert (caught.value.code, caught.value.status) == ("unauthorized", 401)


def test_the_name_of_a_key_tells_keys_apart_and_not_what_they_are() -> None:
    door = keys("one, two")
    names = {door.name_of(bearer("one")), door.name_of(bearer("two"))}
    assert len(names) == 2
    assert not names & {"one", "two", None}


def test_a_key_may_have_letters_of_all_kinds() -> None:
    carried = "schl\xfcssel".encode().decode("latin-1")  # as a header's bytes are read
    assert keys("schl\xfcssel").name_of(bearer(carried))


def test_keys_may_stand_in_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# ours\none\n\n two \n")
    door = keys("three", file)
    assert all(door.name_of(bearer(key)) for key in ("one", "two", "three"))
    with pytest.raises(ProblemError):
        door.name_of(bearer("# ours"))


def test_the_file_is_read_again_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("old")
    door = keys(None, file)
    file.write_text("new")
    assert door.name_of(bearer("old"))
    door.read()
    assert door.name_of(bearer("new"))
    with pytest.raises(ProblemError):
        door.name_of(bearer("old"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "no key in it"), (b"# none\n", "no key in it"), (b"\xff\xfe", "UTF-8"), (None, "No such")],
)
def test_a_file_without_keys_is_said_and_those_before_stay(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    file = tmp_path / "keys"
    file.write_text("old")
    door = keys(None, file)
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(EarshotError, match=sentence):
        door.read()
    assert door.name_of(bearer("old"))


def test_a_key_has_only_so_many_requests_in_flight() -> None:
    door = keys("one, two")
    with door.using("one"), door.using("one"):
        with pytest.raises(Overloaded), door.using("one"):
            pass
        with door.using("two"), door.using(None):
            pass
    with door.using("one"), door.using("one"):
        pass


def test_the_admins_key_opens_all_doors() -> None:
    door = keys("one", admin_key="boss")
    assert door.name_of(bearer("boss")) == "admin"
    assert is_admin(bearer("boss"), Settings(admin_key=SecretStr("boss")))


@pytest.mark.parametrize("carried", ["one", "", "bos", "bosss"])
def test_no_other_key_is_the_admins(carried: str) -> None:
    assert not is_admin(bearer(carried), Settings(admin_key=SecretStr("boss")))
    assert not is_admin(bearer(carried), Settings())


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys.txt"
    path.write_text("from-file\n")
    return path


@pytest.fixture(scope="module")
def locked(file: Path) -> Iterator[Process]:
    """A service that only two keys open, each once at a time."""
    env = {"EARSHOT_API_KEYS": "from-env", "EARSHOT_ADMIN_KEY": "boss", "EARSHOT_KEY_CONCURRENCY": "1"}
    with running("--bundle", "esc10-resnet", "--api-keys-file", str(file), env=env) as process:
        yield process


def test_only_a_key_opens_the_service(locked: Process, rooster: bytes) -> None:
    for key in ("from-env", "from-file"):
        assert locked.classify(rooster, headers=WAV | {"x-api-key": key}).status_code == 200
    for headers in (WAV, WAV | {"x-api-key": "guess"}, WAV | {"authorization": "Bearer guess"}):
        refused = locked.classify(rooster, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert refused.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "target", ["/v1/model", "/v1/nothing", "/v2/models/esc10-resnet", "/%761/model", "/v1/admin/reload"]
)
def test_no_way_leads_around_the_key(locked: Process, target: str) -> None:
    with wire(locked.port) as line:
        line.send(request(target))
        assert line.answer().status == 401


@pytest.mark.parametrize("target", ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/v2/health/ready"])
def test_what_machines_and_readers_ask_needs_no_key(locked: Process, target: str) -> None:
    assert locked.client.get(target).status_code == 200


def test_who_has_no_key_can_read_so_behind_a_large_body(locked: Process) -> None:
    with wire(locked.port) as line:
        line.send(post(bytes(8 * 2**20)))
        assert line.answer().code == "unauthorized"


def test_a_key_that_is_busy_is_told_to_wait(locked: Process, rooster: bytes) -> None:
    with wire(locked.port) as busy:
        busy.send(post(b"", x_api_key="from-env", content_length=len(rooster)))
        wait_for(lambda: "earshot_in_flight 2" in locked.client.get("/metrics").text)
        refused = locked.classify(rooster, headers=WAV | {"x-api-key": "from-env"})
        assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert locked.classify(rooster, headers=WAV | {"x-api-key": "from-file"}).status_code == 200
        busy.send(rooster)
        assert busy.answer().status == 200
    assert locked.classify(rooster, headers=WAV | {"x-api-key": "from-env"}).status_code == 200


def test_only_the_admin_may_reload(locked: Process) -> None:
    for key in ("guess", "from-env"):
        refused = locked.client.post("/v1/admin/reload", headers={"authorization": f"Bearer {key}"})
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    done = locked.client.post("/v1/admin/reload", headers={"authorization": "Bearer boss"})
    assert (done.status_code, done.json()["name"]) == (200, "esc10-resnet")


def test_a_reload_reads_the_keys_again(locked: Process, file: Path, rooster: bytes) -> None:
    file.write_text("changed\n")
    locked.client.post("/v1/admin/reload", headers={"authorization": "Bearer boss"}).raise_for_status()
    assert locked.classify(rooster, headers=WAV | {"x-api-key": "changed"}).status_code == 200
    assert locked.classify(rooster, headers=WAV | {"x-api-key": "from-file"}).status_code == 401
    file.unlink()
    refused = locked.client.post("/v1/admin/reload", headers={"authorization": "Bearer boss"})
    assert refused.status_code == 409
    assert str(file) not in refused.text
    assert locked.classify(rooster, headers=WAV | {"x-api-key": "changed"}).status_code == 200


def test_no_key_stands_in_the_log(locked: Process) -> None:
    for key in ("from-env", "changed", "boss", "guess"):
        assert key not in locked.log
    assert '"key": "admin"' in locked.log
    assert "Traceback" not in locked.log


def test_keys_that_hold_no_key_do_not_open_the_service() -> None:
    with pytest.raises(EarshotError, match="EARSHOT_API_KEYS: there is no key in it"):
        Keys(Settings(api_keys=SecretStr(" , ")))
