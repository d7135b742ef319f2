"""`earshot bench service` and `earshot bench soak`: whether the service keeps what is promised."""

from typing import Annotated

import typer

from benchmarks.commands.options import (
    BundleOption,
    ClientCpusOption,
    ClipRateOption,
    ClipsOption,
    FlagsOption,
    LabelsOption,
    ModelOption,
    OutOption,
    RateOption,
    ServerCpusOption,
    StrictOption,
)


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
