"""The commands of this room: `earshot bench …`. What they need is imported when they run."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from contract.errors import EarshotError

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
    app.command()(tune)


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


def tune(
    *,
    goal: Annotated[
        Literal["latency", "throughput"],
        typer.Option(
            "--for",
            help="latency: a lone request is answered as soon as can be. throughput: as many are answered as can be, "
            "and 99 % of them within --p99-ms.",
        ),
    ] = "throughput",
    p99_ms: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Milliseconds that 99 % of the answers may take.",
            show_default="5 times a lone request by the defaults",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="Of each load; there are four on a candidate in a round.")
    ] = 1.0,
    rounds: Annotated[
        int, typer.Option(min=1, help="All in turn, then those that were not clearly worse; medians decide.")
    ] = 4,
    show: Annotated[bool, typer.Option("--show", help="Measure nothing: print what is in force here.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Measure nothing: remove what was found.")] = False,
    bundle: BundleOption = None,
    model: ModelOption = None,
    sample_rate: RateOption = None,
    labels: LabelsOption = None,
    flags: FlagsOption = "",
    clips: ClipsOption = None,
    clip_rate: ClipRateOption = 44_100,
    out: Annotated[
        Path | None, typer.Option(help="Folder for figures and curves.", show_default="benchmarks/results/…")
    ] = None,
) -> None:
    """Find how many engines, threads and windows in a batch suit this machine, for earshot serve to take.

    Starts the service with one candidate after the other and loads it. The best
    becomes the profile of this machine for this model: earshot serve takes it
    from then on, but for what it is told by a flag or its environment.

    Let nothing else run meanwhile: three minutes on two cores. On a GPU, streams
    and batches are tried.

    earshot tune --for latency                  one request as soon as can be

    earshot tune --for throughput --p99-ms 50   as many as keep to 50 ms
    """
    from benchmarks.processes import all_cpus
    from benchmarks.report import say
    from benchmarks.subject import Subject

    subject = Subject(bundle, model, sample_rate, labels, flags, clips, clip_rate, all_cpus(), all_cpus())
    if show or forget:
        from benchmarks.tune_profile import forget_profile, show_profile

        (show_profile if show else forget_profile)(subject, say)
        return
    if goal == "latency" and p99_ms is not None:
        raise EarshotError("--p99-ms is a bound for --for throughput; --for latency has none")
    from benchmarks.tune import Plan, run_tune

    run_tune(subject, Plan(goal, p99_ms, seconds, rounds), out, say)
