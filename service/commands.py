"""The commands of this room. Every setting is a flag of `earshot serve`, with the setting's own words as its help."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args

import typer
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from contract.errors import EarshotError
from service.settings import Settings
from service.stream.command import listen

_PANELS = {
    "bundle": "Model", "host": "Address", "engine": "Engine", "max_queue": "Queue and deadlines",
    "max_body_bytes": "Requests", "api_keys": "Access", "debug": "Debug path", "stream_idle_s": "Live streams",
    "grace_s": "End", "log_level": "Watching",
}  # fmt: skip
"""Each begins with the setting that it stands at."""


def add_service_commands(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command("serve")(_with_flags(_serve))
    app.command("listen")(listen)


def _serve(**given: Any) -> None:  # noqa: ANN401
    """Serve a model over HTTP: POST a sound to /v1/classify and get its name.

    Every flag can be set by the environment too: --max-queue 64 is EARSHOT_MAX_QUEUE=64.
    """
    settings = settings_of({name: value for name, value in given.items() if value is not None})
    from service.server import serve

    serve(settings)


def settings_of(given: dict[str, Any]) -> Settings:
    """Flags over environment over defaults; one sentence for what does not fit."""
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        flag = f"--{name.replace('_', '-')} (or EARSHOT_{name.upper()})"
        raise EarshotError(f"{flag}: {first['msg']}, not {first['input']!r}") from error


def _with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """The same command, with one option per setting, as typer reads them off a signature."""

    def flagged(**given: Any) -> None:  # noqa: ANN401
        command(**given)

    panel, parameters = "", []
    for name, field in Settings.model_fields.items():
        panel = _PANELS.get(name, panel)
        if SecretStr not in get_args(field.annotation):  # every user of a machine sees the command lines of all
            parameters.append(_parameter(name, field, panel))
    flagged.__doc__ = command.__doc__
    flagged.__name__ = command.__name__
    flagged.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return flagged


def _parameter(name: str, field: FieldInfo, panel: str) -> inspect.Parameter:
    default = field.default
    shown = "" if default is None or default == () else str(default)
    kind: Any = bool if field.annotation is bool else str
    flag = f"--{name.replace('_', '-')}"
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if kind is bool else flag,
        help=field.description,
        show_default=shown or False,
        metavar=None if kind is bool else _metavar(field),
        rich_help_panel=panel,
    )
    annotation = Annotated[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _metavar(field: FieldInfo) -> str:
    choices = [word for word in get_args(field.annotation) if isinstance(word, str)]
    if choices:
        return "|".join(choices)
    text = str(field.annotation)
    return next((word for kind, word in (("int", "N"), ("float", "X"), ("Path", "PATH")) if kind in text), "TEXT")
