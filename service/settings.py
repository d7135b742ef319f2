"""Everything about the service that can be set, in one place: by flag, by environment (`EARSHOT_…`), or left alone.

The docstring under each setting is its documentation: `earshot serve --help` and the README's table are made of it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIB = 2**20
PREFIX = "EARSHOT_"
OF_OTHER_COMMANDS = frozenset({"EARSHOT_CACHE", "EARSHOT_DATA"})
DAY_S = 86_400
"""No patience needs to be longer, and timers take no numbers of any size."""

Replicas = Annotated[int, Field(ge=1, le=256)]
Threads = Annotated[int, Field(ge=1, le=256)]
Batch = Annotated[int, Field(ge=1, le=1024)]


def _split(value: Any) -> Any:  # noqa: ANN401
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class Settings(BaseSettings):
    """How the service runs."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, use_attribute_docstrings=True, env_ignore_empty=True
    )

    bundle: str = "esc50-resnet"
    """Name of a shipped bundle, or a folder with one."""
    model: Path | None = None
    """A bare ONNX file to serve instead of a bundle: takes waveforms, batch × samples, and gives scores."""
    sample_rate: Annotated[int, Field(ge=1, le=384_000)] | None = None
    """Samples per second that a bare ONNX file hears."""
    labels: str | None = None
    """Its classes: names with commas between them, or a file with one per line or a JSON list."""
    window_s: Annotated[float, Field(gt=0, le=60)] | None = None
    """Seconds that it hears at once, where the graph leaves that open (5)."""

    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0 for every one that the machine has."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen at; 0 for one that is free."""

    engine: Literal["auto", "onnx", "tensorrt", "tensorrt_rtx", "torch"] = "auto"
    """What runs the model; auto takes the fastest that works here and says why."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it runs."""
    precision: Literal["auto", "float32", "float16", "int8"] = "auto"
    """Which graph of the bundle runs: auto takes int8 on a CPU, float16 on a GPU."""
    replicas: Replicas | None = None
    """Engines side by side: one per CPU core, or two streams on a GPU, if left alone."""
    threads: Threads = 1
    """Threads of each engine on a CPU: more threads answer a lone request sooner, more replicas more requests."""
    max_batch: Batch | None = None
    """Most windows in one batch: 4 on a CPU, 32 on a GPU, if left alone."""
    profile: bool = True
    """Whether replicas, threads and max_batch, where they are left alone, are what `earshot tune` found here."""

    max_queue: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Most windows that wait for an engine; beyond it requests are refused with 429. If left alone, 16 batches for
    each engine, which is a wait of 16 times what a full batch takes; at least 64."""
    timeout_ms: int = Field(default=10_000, ge=1, le=3_600_000)
    """Deadline of a request that names none. What cannot be answered by then is refused at once."""
    max_timeout_ms: int = Field(default=60_000, ge=1, le=3_600_000)
    """Latest deadline that a request may name."""
    hang_after_s: float = Field(default=30.0, gt=0, le=DAY_S)
    """An engine that is busy with one batch for so long is given up and replaced."""

    max_body_bytes: int = Field(default=64 * MIB, ge=1024)
    """Largest body of a request."""
    max_audio_s: float = Field(default=600.0, gt=0, le=DAY_S)
    """Longest sound."""
    max_windows: int = Field(default=240, ge=1)
    """Most windows that one request may ask for: its length divided by its hop."""
    max_upload_bytes: int = Field(default=256 * MIB, ge=1024)
    """Most bytes of all bodies that are held at once; beyond it requests are refused with 429."""
    body_timeout_s: float = Field(default=30.0, gt=0, le=DAY_S)
    """A body that has not come by then is given up with 408."""
    header_timeout_s: float = Field(default=10.0, gt=0, le=DAY_S)
    """A connection that has not sent a whole request head by then is closed."""
    keep_alive_s: int = Field(default=75, ge=1, le=DAY_S)
    """An idle connection is kept open so long."""
    max_connections: int = Field(default=10_000, ge=1)
    """Most open connections; what comes beyond them is answered with 429 and closed."""

    api_keys: SecretStr | None = None
    """Keys with commas between them; with any, requests to /v1 and /v2 must carry one of them."""
    api_keys_file: Path | None = None
    """A file with one key per line, read at the start and at each reload."""
    key_concurrency: int = Field(default=64, ge=1)
    """Requests that one key may have in flight."""
    admin_key: Annotated[SecretStr, Field(min_length=1)] | None = None
    """Key of POST /v1/admin/reload, which is there only if this is set."""
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    """Origins of web pages that may use the service, with commas between them; * for all."""

    debug: bool = False
    """Whether /v1/debug shows what each layer makes of a sound, by PyTorch; needs the extra `debug`."""

    stream_idle_s: float = Field(default=30.0, gt=0, le=DAY_S)
    """A live stream that sends nothing for so long is closed."""
    max_streams: int = Field(default=64, ge=0)
    """Most live streams at once."""

    grace_s: float = Field(default=30.0, gt=0, le=DAY_S)
    """After SIGTERM, what was accepted has so long to finish."""
    drain_delay_s: float = Field(default=0.0, ge=0, le=DAY_S)
    """After SIGTERM, go on serving for so long while /readyz says no, until a load balancer has noticed."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is worth a line."""
    log_format: Literal["auto", "json", "text"] = "auto"
    """One JSON object per line, or text; auto is text on a terminal."""
    access_log: bool = True
    """One line per request, but for those that are refused by their heads alone."""
    otlp_endpoint: str | None = None
    """Where OpenTelemetry traces are sent, as in http://collector:4318/v1/traces; needs the extra `otel`."""


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Names that look like settings and are none: a mistyped EARSHOT_API_KEY would leave a service open to all."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | OF_OTHER_COMMANDS
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
