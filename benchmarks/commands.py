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
FolderOption = Annotated[
    Path | None, typer.Option(help="Folder for the page and all figures.", show_default="benchmarks/results/…")
]


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


@bench_commands.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A commit; or a folder of results, or one file of them.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another; '.' or working-tree is the files as they are.")],
    *,
    noise: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Smallest difference that matters, as a share.")
    ] = 0.03,
    gate: Annotated[bool, typer.Option("--gate", help="Exit with 1 where B is worse.")] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Of two commits: starts and loads of each, in turn.")] = 12,
    seconds: Annotated[float, typer.Option(min=0.2, help="Of each load.")] = 2.0,
    bundle: BundleOption = None,
    model: ModelOption = None,
    sample_rate: RateOption = None,
    labels: LabelsOption = None,
    flags: FlagsOption = "",
    clips: ClipsOption = None,
    clip_rate: ClipRateOption = 44_100,
    server_cpus: ServerCpusOption = "1",
    client_cpus: ClientCpusOption = "0",
    out: FolderOption = None,
) -> None:
    """What differs between two runs or two commits, how surely, and whether it matters.

    Commits are checked out aside, and their services are started and loaded in turn by the client of this checkout.
    """
    from benchmarks.compare import compared, finish
    from benchmarks.duel import Plan
    from benchmarks.subject import Subject

    def plan() -> Plan:
        subject = Subject(bundle, model, sample_rate, labels, flags, clips, clip_rate, server_cpus, client_cpus)
        return Plan(subject, subject.serve_flags, rounds, seconds)

    finish(compared((a, b), plan, noise, gate=gate), out, gate=gate)
