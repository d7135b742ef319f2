"""`earshot bench locust`: users of many kinds."""

from typing import Annotated, Literal

import typer

from benchmarks.commands.options import (
    BundleOption,
    ClientCpusOption,
    FlagsOption,
    FolderOption,
    LabelsOption,
    ModelOption,
    RateOption,
    ServerCpusOption,
)

UsersOption = Annotated[int, typer.Option(min=1, help="At once; with a shape, the most of them.")]
ShapeOption = Annotated[
    Literal["step", "spike", "soak"] | None,
    typer.Option(help="How their number changes.", show_default="it does not"),
]
P99Option = Annotated[float | None, typer.Option(min=0.001, help="Promise for classify and stream users.")]
ErrorRateOption = Annotated[float | None, typer.Option(min=0.0, help="Promise, in per cent of all requests.")]
LocustFlagsOption = Annotated[str, typer.Option(help="More flags for Locust, as in '--stream-weight 4 --pause-s 0'.")]


def locust(
    *,
    users: UsersOption = 16,
    seconds: Annotated[float, typer.Option(min=1, help="How long.")] = 60.0,
    shape: ShapeOption = None,
    p99_ms: P99Option = None,
    error_rate: ErrorRateOption = None,
    locust_flags: LocustFlagsOption = "",
    bundle: BundleOption = None,
    model: ModelOption = None,
    sample_rate: RateOption = None,
    labels: LabelsOption = None,
    flags: FlagsOption = "",
    server_cpus: ServerCpusOption = "1",
    client_cpus: ClientCpusOption = "0",
    out: FolderOption = None,
) -> None:
    """Users of many kinds on a service, by Locust: files of all formats, live sound, every answer checked.

    Exits with 1 where a promise is broken; without any, where a request fails. Users of a service that runs already:
    locust -f benchmarks/locustfile.py --host http://127.0.0.1:8000
    """
    from benchmarks.subject import Subject
    from benchmarks.users.run import Order, run

    subject = Subject(bundle, model, sample_rate, labels, flags, server_cpus=server_cpus, client_cpus=client_cpus)
    raise typer.Exit(run(subject, Order(users, seconds, shape, p99_ms, error_rate, locust_flags), out))
