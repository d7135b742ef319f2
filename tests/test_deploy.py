"""The Dockerfiles and the compose file are true of the project, though nothing here can build an image."""

import json
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from contract.files import cache_folder
from service.settings import Settings
from service.tracing import FLUSH_S
from tests.dockerfiles import Stage, files_of, is_sent, kept_by_git, lay_out, parse, sources_of
from tests.service.process import Process, running

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
KINDS = {"cpu": "serve", "gpu": "gpu"}
"""Each image, and the extra that it is made with."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
BUILD_TOOLS = re.compile(r"\b(pip|uv|gcc|g\+\+|make|cmake|build-essential|git|curl|wget)\b")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stages(kind: str) -> list[Stage]:
    return parse(DEPLOY / f"Dockerfile.{kind}")


def test_whatever_is_copied_is_in_the_repository_and_gets_to_the_builder(stages: list[Stage]) -> None:
    for source in sources_of(stages):
        assert files_of(source), f"{source}: git knows nothing of it"
        assert [name for name in files_of(source) if not is_sent(name)] == []


@pytest.mark.parametrize("name", [".env", ".git/config", "keys.txt", "tests/conftest.py", "runs/a/state.safetensors",
                                  "bundles/mine/model.onnx", "service/__pycache__/app.cpython-311.pyc"])  # fmt: skip
def test_nothing_else_gets_to_the_builder(name: str) -> None:
    assert not is_sent(name)


def test_every_package_is_copied(stages: list[Stage]) -> None:
    tool = PROJECT["tool"]["setuptools"]
    rooms = {package.partition(".")[0] for package in tool["packages"]}
    assert rooms | {f"{module}.py" for module in tool["py-modules"]} <= set(sources_of(stages))


def test_the_copied_files_are_enough_to_find_load_and_serve_a_bundle(stages: list[Stage], tmp_path: Path) -> None:
    image = lay_out(stages, tmp_path)
    code = (
        "import sys\n"
        "sys.meta_path[:] = [each for each in sys.meta_path if 'editable' not in str(each).lower()]\n"
        "sys.modules.update(dict.fromkeys(('torch', 'torchaudio', 'onnx', 'matplotlib')))\n"
        "import cli, contract, service.server\n"
        "from service.app import create_app\n"
        "from service.serving import open_model\n"
        "from service.settings import Settings\n"
        "create_app()\n"
        "print(cli.__file__, contract.__file__, service.__file__, open_model(Settings()).bundle.folder, sep='\\n')"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{image}{stages[-1].env['PYTHONPATH']}"}
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    names = ["cli.py", "contract/__init__.py", "service/__init__.py", "bundles/esc50-resnet"]
    assert result.stdout.splitlines() == [f"{image}/app/{name}" for name in names]


def installed(extras: list[str]) -> list[Requirement]:
    """What these extras bring, with those that they name themselves."""
    found = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    for extra in extras:
        for requirement in map(Requirement, EXTRAS[extra]):
            found += installed(sorted(requirement.extras)) if requirement.name == "earshot" else [requirement]
    return found


def extras_of(stages: list[Stage]) -> list[str]:
    (found,) = [match for each in stages[0].all("RUN") for match in re.findall(r"'\.\[([\w,]+)\]'", each.text)]
    return str(found).split(",")


def test_an_image_holds_the_service_and_traces_but_no_pytorch(kind: str, stages: list[Stage]) -> None:
    assert extras_of(stages) == [KINDS[kind], "otel"]
    names = {requirement.name for requirement in installed(extras_of(stages))}
    assert {"fastapi", "uvicorn", "opentelemetry-sdk"} <= names
    assert not names & {"torch", "torchaudio", "tensorboard", "onnx"}


def test_dependencies_can_be_installed_before_there_is_code(stages: list[Stage], tmp_path: Path) -> None:
    (install,) = [each.text for each in stages[0].all("RUN") if "install" in each.text]
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    subprocess.run(install.partition("&&")[0], shell=True, cwd=tmp_path, check=True)  # noqa: S602  (our own sed)
    left = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))
    assert left.keys() == {"build-system", "project"}
    assert "readme" not in left["project"]
    assert left["project"]["optional-dependencies"] == EXTRAS
    assert left["project"]["scripts"] == PROJECT["project"]["scripts"]


def test_versions_are_those_that_the_tests_ran_with(kind: str, stages: list[Stage]) -> None:
    (install,) = [each.text for each in stages[0].all("RUN") if "install" in each.text]
    files = {Path(source).name: ROOT / source for source in sources_of(stages) if source.endswith(".txt")}
    pins: dict[str, str] = {}
    for name in re.findall(r"-c (\S+)", install):
        lines = files[name].read_text(encoding="utf-8").splitlines()
        pins |= {name: pin for name, _, pin in (line.partition("==") for line in lines if "==" in line)}
    for requirement in installed(extras_of(stages)):
        pin = pins.get(requirement.name) or pins[requirement.name.replace("-", "_")]
        assert Version(pin) in requirement.specifier
    assert ("pypi.nvidia.com" in install) == (kind == "gpu")


def test_the_base_is_one_python_of_a_named_version(stages: list[Stage]) -> None:
    (base,) = {stage.base for stage in stages}
    found = re.fullmatch(r"python:(\d+\.\d+)-slim-\w+", base)
    assert found
    assert Version(found[1]) in Requirement(f"python{PROJECT['project']['requires-python']}").specifier


def test_the_last_stage_holds_no_tools_for_building(stages: list[Stage]) -> None:
    assert len(stages) == 2
    assert [each.text for each in stages[-1].all("RUN") if BUILD_TOOLS.search(each.text)] == []


def test_the_process_is_nobody_of_importance(stages: list[Stage]) -> None:
    last = stages[-1]
    uid, gid = last.only("USER").text.split(":")
    assert int(uid) >= 10_000
    assert int(gid) >= 10_000
    assert f"--uid {uid} --gid {gid}" in last.all("RUN")[0].text
    after = last.instructions[last.instructions.index(last.only("USER")) :]
    assert not {each.name for each in after} & {"RUN", "COPY"}


def test_signals_reach_the_command_which_is_the_console_script(stages: list[Stage]) -> None:
    command = stages[-1].only("ENTRYPOINT")
    assert command.text.startswith("[")  # the exec form: no shell between
    script, *words = command.words
    assert script in PROJECT["project"]["scripts"]
    assert words == ["serve"]
    assert stages[-1].only("STOPSIGNAL").text == "SIGTERM"


def test_the_environment_sets_what_can_be_set(stages: list[Stage], monkeypatch: pytest.MonkeyPatch) -> None:
    env = {name: value for name, value in stages[-1].env.items() if name.startswith("EARSHOT_")}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    cache = env.pop("EARSHOT_CACHE", None)
    assert {name.removeprefix("EARSHOT_").lower() for name in env} <= Settings.model_fields.keys()
    settings = Settings()
    assert settings.host == "0.0.0.0"  # noqa: S104  (inside of a container)
    assert str(settings.port) == stages[-1].only("EXPOSE").text
    if cache:
        assert cache_folder() == Path(cache)


def test_engines_are_kept_in_a_volume_that_the_process_may_write_to() -> None:
    last = parse(DEPLOY / "Dockerfile.gpu")[-1]
    cache = last.env["EARSHOT_CACHE"]
    assert last.only("VOLUME").text == cache
    assert f"--owner={last.only('USER').text.split(':')[0]}" in last.all("RUN")[0].text
    assert last.all("RUN")[0].text.endswith(cache)
    assert {"NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"} <= last.env.keys()


def checked(stages: list[Stage], port: int) -> int:
    """The exit status of an image's health check."""
    check = stages[-1].only("HEALTHCHECK").text
    python, *words = json.loads(check[check.index("[") :])
    assert python == "python"
    env = {"PATH": os.environ["PATH"], "EARSHOT_PORT": str(port)}
    return subprocess.run([sys.executable, *words], env=env, capture_output=True, check=False, timeout=30).returncode


@pytest.fixture(scope="module")
def live() -> Iterator[Process]:
    with running("--bundle", "esc10-resnet") as server:
        yield server


def test_a_service_that_lives_is_healthy(stages: list[Stage], live: Process) -> None:
    assert checked(stages, live.port) == 0


def test_where_nobody_listens_nobody_is_healthy(stages: list[Stage]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert checked(stages, port) != 0


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


def test_compose_builds_an_image_that_there_is_a_dockerfile_for() -> None:
    build = SERVICES["earshot"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()


def test_compose_sets_what_can_be_set() -> None:
    names = {name.removeprefix("EARSHOT_").lower() for name in SERVICES["earshot"]["environment"]}
    assert names <= Settings.model_fields.keys()


def test_compose_waits_until_all_that_was_accepted_is_answered() -> None:
    grace = float(SERVICES["earshot"]["environment"]["EARSHOT_GRACE_S"])
    assert seconds(SERVICES["earshot"]["stop_grace_period"]) > 2 * grace + Settings().drain_delay_s + FLUSH_S


def test_compose_publishes_ports_to_its_own_machine_only() -> None:
    ports = {name: port for name, service in SERVICES.items() for port in service["ports"]}
    assert all(port.startswith("127.0.0.1:") for port in ports.values())
    env = parse(DEPLOY / "Dockerfile.cpu")[-1].env
    assert ports["earshot"].rpartition(":")[2] == env["EARSHOT_PORT"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_compose_needs_is_there(name: str) -> None:
    service = SERVICES[name]
    assert set(service.get("depends_on", [])) <= SERVICES.keys()
    assert service["image"].rpartition(":")[2] not in {"", "latest"}
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("./"):
            assert files_of(f"deploy/{source.removeprefix('./')}"), source
        else:
            assert source in COMPOSE["volumes"]


def test_nothing_under_deploy_is_left_out_of_these_tests() -> None:
    names = {name for name in kept_by_git() if name.startswith("deploy/")}
    mounts = {
        f"deploy/{volume.split(':')[0].removeprefix('./')}"
        for each in SERVICES.values()
        for volume in each.get("volumes", [])
    }
    used = {f"deploy/Dockerfile.{kind}" for kind in KINDS} | {"deploy/compose.yaml"}
    used |= {source for kind in KINDS for source in sources_of(parse(DEPLOY / f"Dockerfile.{kind}"))}
    assert [name for name in sorted(names - used) if not any(name.startswith(mount) for mount in mounts)] == []
