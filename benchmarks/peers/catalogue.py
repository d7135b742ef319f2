"""The servers that Earshot is measured beside: which there are, and how each of them is started."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SERVERS = Path(__file__).parent / "servers"
"""Programs that stand alone, and beside them what each needs, pinned."""

ENGINE = SERVERS / "engine.txt"
"""What all of them need."""

_UVICORN = "-m uvicorn --host 127.0.0.1 --port {port} --log-level warning --no-access-log"


@dataclass(frozen=True)
class Peer:
    """One of them. `{port}`, `{port2}` and `{port3}` are free, `{scratch}` is a folder that is gone afterwards."""

    name: str
    about: str
    words: str
    """For the Python of its environment, which finds the programs beside `engine.py`."""
    path: str = "/predict"
    package: str = ""
    """That makes it what it is, where it is not called like the peer: it names the file of requirements too."""
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def main_package(self) -> str:
        """The one whose version is worth knowing."""
        return self.package or self.name

    @property
    def requirements(self) -> list[Path]:
        """Files for pip."""
        return [ENGINE, SERVERS / f"{self.main_package}.txt"]


PEERS = (
    Peer("litserve", "LitServe: batches of 8, for which it waits 5 ms", "-m with_litserve {port}"),
    Peer(
        "bentoml",
        "BentoML: a service that takes bytes before one that makes batches of 8",
        "-m bentoml serve with_bentoml:Entry --host 127.0.0.1 --port {port}",
        env={"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": "{scratch}"},
    ),
    Peer(
        "mosec",
        "mosec: batches of 8, for which it waits 5 ms",
        "-m with_mosec --address 127.0.0.1 --port {port} --timeout 120000 --log-level warning",
        path="/inference",
    ),
    Peer(
        "ray",
        "Ray Serve: batches of 8, for which it waits 5 ms",
        "-m with_ray {port}",
        env={"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": "{scratch}"},
    ),
    Peer(
        "mlserver",
        "MLServer: batches of 8, for which it waits 5 ms",
        "-m with_mlserver {port} {port2} {port3}",
    ),
    Peer("naive", "FastAPI: a thread for each request, no batches", f"{_UVICORN} naive:app", package="fastapi"),
    Peer(
        "batcher",
        "FastAPI: batches of up to 8, whatever waited while the engine was busy",
        f"{_UVICORN} batcher:app",
        package="fastapi",
    ),
)
