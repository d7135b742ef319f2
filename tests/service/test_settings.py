"""Settings: one place, three ways, and a sentence for what does not fit."""

import re
from typing import Any, get_args

import pytest
import typer
from pydantic import SecretStr
from typer.testing import CliRunner

from contract.errors import EarshotError
from service.commands import add_service_commands, settings_of
from service.settings import Settings, unknown_variables

SECRETS = {name for name, field in Settings.model_fields.items() if SecretStr in get_args(field.annotation)}
OTHERS = Settings.model_fields.keys() - SECRETS
TEXT = {
    "bundle": "mine",
    "host": "::1",
    "cors_origins": "https://a.example, https://b.example",
    "otlp_endpoint": "http://c",
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment of the tests has set."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"EARSHOT_{name.upper()}", raising=False)


def given_by(monkeypatch: pytest.MonkeyPatch, *words: str) -> Settings:
    """The settings of `earshot serve` with these words."""
    seen: list[Settings] = []
    app = typer.Typer()
    monkeypatch.setattr("service.server.serve", seen.append)
    add_service_commands(app)
    CliRunner().invoke(app, ["serve", *words], catch_exceptions=False)
    return seen[0]


def another(name: str) -> str:
    """A value that is not the default."""
    field = Settings.model_fields[name]
    choices = [word for word in get_args(field.annotation) if isinstance(word, str)]
    if choices:
        return next(word for word in choices if word != field.default)
    if field.annotation is bool:
        return str(not field.default)
    return TEXT.get(name, "7000" if name.endswith("_bytes") else "7")


def test_every_setting_is_explained() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_the_help_shows_every_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    add_service_commands(app)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", CliRunner().invoke(app, ["serve", "--help"]).output)
    flags = set(re.findall(r"--[a-z][a-z-]+", shown))
    assert {f"--{name.replace('_', '-')}" for name in OTHERS} <= flags
    assert "EARSHOT_MAX_QUEUE" in shown


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_each_can_be_set_by_environment_and_by_flag(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, flag = another(name), f"--{name.replace('_', '-')}"
    wanted = getattr(settings_of({name: value}), name)
    assert wanted != Settings.model_fields[name].default
    words = [flag, value]
    if Settings.model_fields[name].annotation is bool:
        words = [flag if wanted else f"--no-{flag[2:]}"]
    assert getattr(given_by(monkeypatch, *words), name) == wanted
    monkeypatch.setenv(f"EARSHOT_{name.upper()}", value)
    assert getattr(given_by(monkeypatch), name) == wanted


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_MAX_QUEUE", "64")
    monkeypatch.setenv("EARSHOT_ACCESS_LOG", "false")
    settings = given_by(monkeypatch, "--max-queue", "32", "--access-log")
    assert (settings.max_queue, settings.access_log) == (32, True)


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_is_set_by_environment_only(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"EARSHOT_{name.upper()}", "s3cret")
    settings = given_by(monkeypatch)
    assert getattr(settings, name).get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)
    app = typer.Typer()
    add_service_commands(app)
    assert CliRunner().invoke(app, ["serve", f"--{name.replace('_', '-')}", "s3cret"]).exit_code == 2


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_REPLICAS", "")
    assert Settings().replicas is None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"port": "70000"}, "--port (or EARSHOT_PORT)"),
        ({"port": "http"}, "--port (or EARSHOT_PORT)"),
        ({"max_queue": "0"}, "--max-queue (or EARSHOT_MAX_QUEUE)"),
        ({"max_queue": "-5"}, "--max-queue (or EARSHOT_MAX_QUEUE)"),
        ({"engine": "steam"}, "--engine (or EARSHOT_ENGINE)"),
        ({"hang_after_s": "nan"}, "--hang-after-s (or EARSHOT_HANG_AFTER_S)"),
        ({"max_audio_s": "inf"}, "--max-audio-s (or EARSHOT_MAX_AUDIO_S)"),
        ({"body_timeout_s": "1e300"}, "--body-timeout-s (or EARSHOT_BODY_TIMEOUT_S)"),
        ({"drain_delay_s": "-1"}, "--drain-delay-s (or EARSHOT_DRAIN_DELAY_S)"),
        ({"sample_rate": "1000000000"}, "--sample-rate (or EARSHOT_SAMPLE_RATE)"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(EarshotError) as caught:
        settings_of(given)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
    assert repr(*given.values()) in str(caught.value)


def test_variables_that_only_look_like_settings_are_found() -> None:
    environment = {"EARSHOT_API_KEY": "x", "EARSHOT_PORT": "1", "EARSHOT_CACHE": "/", "HOME": "/"}
    assert unknown_variables(environment) == ["EARSHOT_API_KEY"]
