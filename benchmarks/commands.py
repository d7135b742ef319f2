"""The commands of this room: `earshot bench …`. What they need is imported when they run."""

from pathlib import Path
from typing import Annotated

import typer

bench_commands = typer.Typer(help="Measure the service on this machine.", no_args_is_help=True)

BundleOption = Annotated[
    str | None, typer.Option(help="Name of a shipped bundle, or a folder.", show_default="the service's own")
]
ModelOption = Annotated[Path | None, typer.Option(help="A bare ONNX file instead of a bundle; needs --sample-rate.")]
RateOption = Annotated[int | None, typer.Option(min=1, help="Samples per second that the bare ONNX file hears.")]
LabelsOption = Annotated[str | None, typer.Option(help="Its classes, as for earshot serve.")]
FlagsOption = Annotated[str, typer.Option(help="More flags for earshot serve, as in '--max-queue 64'.")]
ClipsOption = Annotated[
    Path | None, typer.Option(help="Folder of sounds to send as WAV.", show_default="clips of ESC-10")
]
ClipRateOption = Annotated[int, typer.Option(min=8000, max=192_000, help="Samples per second of what is sent.")]
ServerCpusOption = Annotated[str, typer.Option(help="Cores of the service and the bare engine, as in 0-2,5.")]
ClientCpusOption = Annotated[str, typer.Option(help="Cores of the client.")]
OutOption = Annotated[Path | None, typer.Option(help="JSON file for all figures.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit with 1 where a target is missed.")]


def add_benchmark_commands(app: typer.Typer) -> None:
    """Hang the commands of this room into the program."""
    app.add_typer(bench_commands, name="bench")


@bench_commands.command()
def service(
    *,
    bundle: BundleOption = None,
    model: ModelOption = None,
    sample_rate: RateOption = None,
    labels: LabelsOption = None,
    flags: FlagsOption = "",
    clips: ClipsOption = None,
    clip_rate: ClipRateOption = 44_100,
    server_cpus: ServerCpusOption = "1",
    client_cpus: ClientCpusOption = "0",
    seconds: Annotated[float, typer.Option(min=0.2, help="Of each load.")] = 10.0,
    rounds: Annotated[int, typer.Option(min=1, help="All loads in turn, so often; medians are shown.")] = 3,
    starts: Annotated[int, typer.Option(min=1, help="Starts of the process.")] = 5,
    out: OutOption = None,
    strict: StrictOption = False,
) -> None:
    """Latency, throughput, overload, cost and start of the service, as shares of what the bare engine does."""
    from benchmarks.report import finish, say
    from benchmarks.service import measure
    from benchmarks.subject import Subject

    subject = Subject(bundle, model, sample_rate, labels, flags, clips, clip_rate, server_cpus, client_cpus)
    finish(measure(subject, seconds, rounds, starts, say), out, strict=strict)


@bench_commands.command()
def latency(
    *,
    bundle: Annotated[str, typer.Option(help="Name of a shipped bundle, or a folder.")] = "esc50-resnet",
    engine: Annotated[
        list[str] | None, typer.Option(help="One of them by name. Repeatable.", show_default="all that run here")
    ] = None,
    batches: Annotated[str | None, typer.Option(help="Clips at once.", show_default="1,2,4,8,16,32,64")] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Engines take turns so often.", show_default="7, or fewer: 4 minutes")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.001, help="Of each engine at each batch, in each round.", show_default="0.2"),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="That an engine computes with.")] = 1,
    cpus: Annotated[
        str | None, typer.Option(help="Cores that engines keep to, as in 0-2,5.", show_default="the last ones")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(envvar="EARSHOT_DATA", help="ESC-50, to measure accuracy on the fold held out.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(envvar="EARSHOT_CACHE", help="Where decoded clips are kept.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Half a minute: few rounds, batches 1 and 8.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for figures, page and plots.", show_default="benchmarks/results/MACHINE/DATE-COMMIT"
        ),
    ] = None,
) -> None:
    """How long every engine takes for a bundle here, beside its accuracy and the least that it could take."""
    from benchmarks.latency.finish import finish
    from benchmarks.latency.measurement import measure
    from benchmarks.latency.order import order_of
    from benchmarks.report import say

    order = order_of(bundle, engine, batches, rounds, seconds, threads, cpus, data, cache, quick=quick)
    finish(measure(order, say), out)


@bench_commands.command()
def soak(
    *,
    minutes: Annotated[float, typer.Option(min=0.05, help="How long.")] = 10.0,
    load: Annotated[float, typer.Option(min=0.05, max=4.0, help="Share of what the service can answer.")] = 0.8,
    hostile: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of requests that are meant to harm.")
    ] = 0.05,
    bundle: BundleOption = None,
    model: ModelOption = None,
    sample_rate: RateOption = None,
    labels: LabelsOption = None,
    flags: FlagsOption = "",
    clips: ClipsOption = None,
    clip_rate: ClipRateOption = 44_100,
    server_cpus: ServerCpusOption = "1",
    client_cpus: ClientCpusOption = "0",
    out: OutOption = None,
    strict: StrictOption = False,
) -> None:
    """Load the service for long, with hostile requests among good ones, and end it in the middle of it all."""
    from benchmarks.report import finish, say
    from benchmarks.soak import Plan, run_soak
    from benchmarks.subject import Subject

    subject = Subject(bundle, model, sample_rate, labels, flags, clips, clip_rate, server_cpus, client_cpus)
    finish(run_soak(subject, Plan(minutes * 60, load, hostile), say), out, strict=strict)
