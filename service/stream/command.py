"""The command `earshot listen`: plays a file, or a microphone's pipe, to a live stream and prints what is heard."""

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contract.errors import EXIT_INTERRUPTED, EarshotError
from service.stream.formats import SampleFormat

if TYPE_CHECKING:
    from service.stream.sources import Source

PIPE = Path("-")
STANDARD_INPUT = 0


def listen(
    sound: Annotated[Path, typer.Argument(metavar="FILE", help="An audio file; - for raw PCM on standard input.")],
    *,
    url: Annotated[str, typer.Option(help="Where the service takes live audio.")] = "ws://127.0.0.1:8000/v1/stream",
    fast: Annotated[bool, typer.Option("--fast", help="As fast as the service answers, not in real time.")] = False,
    hop: Annotated[float, typer.Option(help="Seconds of sound from one line to the next.")] = 1.0,
    smoothing: Annotated[
        float, typer.Option(help="What earlier hops weigh: 0 hears each window for itself, 0.9 is slow to change.")
    ] = 0.5,
    rate: Annotated[int, typer.Option(help="Of raw PCM: samples per second and channel.")] = 48_000,
    sample_format: Annotated[SampleFormat, typer.Option("--format", help="Of raw PCM: each sample.")] = "s16le",
    channels: Annotated[int, typer.Option(help="Of raw PCM.")] = 1,
    key_env: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable that holds an API key, if one is needed.")
    ] = "EARSHOT_API_KEY",
) -> None:
    """Listen to a sound as it goes on: play a file to a running service, or a microphone.

    arecord -f S16_LE -r 48000 -t raw | earshot listen -
    """
    from service.stream.client import listen as messages_of
    from service.stream.sources import in_real_time

    source = _source(sound, rate, sample_format, channels)
    is_live = sound == PIPE
    messages = messages_of(
        url,
        source.pieces if is_live or fast else in_real_time(source.pieces),
        source.sample_rate,
        sample_format=source.sample_format,
        channels=source.channels,
        hop_s=hop,
        smoothing=smoothing,
        wait=fast,
        key=os.environ.get(key_env),
    )
    with closing(messages):
        try:
            for message in messages:
                _show(message)
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None


def _source(sound: Path, rate: int, sample_format: SampleFormat, channels: int) -> "Source":
    from service.stream.sources import of_file, of_pipe

    if sound != PIPE:
        return of_file(sound)
    if sys.stdin.isatty():
        raise EarshotError("-: pipe raw PCM in, as in: arecord -f S16_LE -r 48000 -t raw | earshot listen -")
    return of_pipe(STANDARD_INPUT, rate, sample_format, channels)


def _show(message: dict[str, Any]) -> None:
    from service.stream.lines import line_of, summary_of

    match message["type"]:
        case "prediction":
            typer.echo(line_of(message, bar=sys.stdout.isatty()))
        case "problem":
            typer.echo(f"{message['end_s']:8.1f} s  {message['detail']}", err=True)
        case "end" if message["reason"] != "asked":
            raise EarshotError(f"the service ended the stream: {message['reason']}")
        case "end":
            typer.echo(summary_of(message), err=True)
