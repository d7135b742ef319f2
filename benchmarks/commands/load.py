"""`earshot bench load`: requests that come when they come."""

from typing import Annotated

import typer

from benchmarks.commands.options import (
    BundleOption,
    ClientCpusOption,
    ClipRateOption,
    ClipsOption,
    FlagsOption,
    FolderOption,
    LabelsOption,
    ModelOption,
    RateOption,
    ServerCpusOption,
)


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
    from benchmarks.rates.client_check import check
    from benchmarks.rates.places import place_of
    from benchmarks.rates.report import finish
    from benchmarks.rates.rounds import Plan, measure
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
