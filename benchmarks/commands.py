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
FolderOption = Annotated[
    Path | None, typer.Option(help="Folder for the results.", show_default="benchmarks/results/MACHINE/DATE-COMMIT")
]
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
def load(
    *,
    rates: Annotated[
        str, typer.Option(help="Requests per second, as in 50,100,200.", show_default="shares of what it can do")
    ] = "",
    slo_ms: Annotated[
        float | None, typer.Option(min=0.1, help="An answer is in time within this.", show_default="5 lone requests")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.2, help="Of each load.", show_default="2, or 1 with --quick")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="All in turn, so often.", show_default="3, or 1 with --quick")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the times at which requests come.")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer rates, one round: half a minute.")] = False,
    url: Annotated[
        str | None,
        typer.Option(
            help="Of a service that runs already.", show_default="one is started", metavar="http://HOST:PORT"
        ),
    ] = None,
    check_client: Annotated[
        bool, typer.Option("--check-client", help="Only what the client can do, on a server that just reads.")
    ] = False,
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
    """Latency at given rates, the knee, goodput under overload, and the scenarios of MLPerf Inference."""
    from benchmarks.client_check import check
    from benchmarks.load_report import finish
    from benchmarks.load_rounds import Plan, measure
    from benchmarks.places import place_of
    from benchmarks.report import say
    from benchmarks.subject import Subject

    plan = Plan.made(seconds, rounds, rates, slo_ms, seed, quick=quick)
    subject = Subject(bundle, model, sample_rate, labels, flags, clips, clip_rate, server_cpus, client_cpus)
    if check_client:
        check(subject, plan.seconds, plan.rounds, out, say)
        return
    with place_of(url, subject) as place:
        found = measure(place, plan, say)
    finish(found, subject.facts, out)
