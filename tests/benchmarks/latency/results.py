"""Results that were never measured, for tables and pictures."""

from dataclasses import replace

from benchmarks.latency.engines import ENGINES, chosen
from benchmarks.latency.floors import Peaks
from benchmarks.latency.operations import Work
from benchmarks.latency.order import Pace, order_of
from benchmarks.latency.peaks import COPIES
from benchmarks.latency.results import Absent, Accuracy, Cost, Found, Latencies, Place, Timings
from export.part import FRONT_END, NETWORK, WHOLE, Part

BATCHES = (1, 8)
WORKS: dict[Part, Work] = {
    WHOLE: Work({"float32": 3e9}, 1e6, 1e6), FRONT_END: Work({"float32": 1e9}, 1e5, 1e6),
    NETWORK: Work({"float32": 2e9}, 1e6, 1e5),
}  # fmt: skip
PEAKS = Peaks({"float32": 1e12, "int8": 4e12, "float16": 8e12, COPIES[2**29]: 1e10})


def timings(ms: float, runs: int = 40, gpu: bool = False) -> Timings:
    """Three rounds: around it, a tenth below, a tenth above; the GPU's clock says half."""
    rounds = tuple((ms * share,) * runs for share in (1.0, 0.9, 1.1))
    return Timings(rounds, tuple(tuple(value / 2 for value in one) for one in rounds) if gpu else ((), (), ()))


def found(name: str, ms: float, parts: bool = True) -> Found:
    """An engine that takes so long for a clip, a third of it for the front end."""
    (engine,) = chosen([name])
    shares: dict[Part, float] = {WHOLE: 1.0} | ({FRONT_END: 1 / 3, NETWORK: 2 / 3} if parts else {})
    places = {
        Place(part, batch): timings(batch * ms * share, gpu=engine.gpu)
        for part, share in shares.items()
        for batch in BATCHES
    }
    cost = Cost(12.5, 90.0, 20.0, 30.0, 8, {} if parts else {1: 20.0, 8: 9.5})
    return Found(engine, cost, places, WORKS, Accuracy(0.8665, 2000, "the bundle's export, folds 1, 2"), 0.975)


def latencies(*all_found: Found) -> Latencies:
    """Of these engines; of the others it is said that they are not here."""
    order = replace(
        order_of("esc10-resnet", None, None, None, None, 1, None, None, None, quick=True),
        pace=Pace(3, 0.1, BATCHES, compiles=True),
    )
    there = {one.engine for one in all_found}
    absent = tuple(Absent(engine, "no NVIDIA GPU is seen here") for engine in ENGINES if engine not in there)
    return Latencies(order, all_found, absent, {False: PEAKS, True: PEAKS}, 12.0)
