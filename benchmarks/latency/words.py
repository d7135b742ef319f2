"""The page of a measurement: its tables and pictures, and what has to be known to read them."""

from benchmarks.latency import tables
from benchmarks.latency.results import FEWEST_FOR, Latencies
from benchmarks.page import Picture, Section

PICTURES = {
    "latency-batch-1.png": "Milliseconds of each engine for the smallest batch: front end, network and floor",
    "latency-batches.png": "Clips per second of each engine by the size of the batch",
    "latency-accuracy.png": "Share of right answers and clips per second of each engine",
}
"""What each shows, for those who cannot see it."""


def sections(all_: Latencies) -> list[Section]:
    """All that is to be read."""
    one, batches, accuracy = (Picture(file, shows) for file, shows in PICTURES.items())
    smallest = all_.order.pace.batches[0]
    made = [
        Section(f"Batch {smallest}", [_subject(all_), _method(all_)], tables.at_smallest(all_), [one]),
        Section("By batch", [_TAILS, *tables.left_out(all_)], tables.by_batch(all_), [batches]),
        Section("Before the first answer, and the answers", [_COST, _ANSWERS], tables.costs(all_), [accuracy]),
        Section("Front end and network apart", [_APART], tables.apart(all_)),
        Section("The floor", [_FLOOR, _SHARED_FLOOR], tables.floor(all_)),
    ]
    return [*made, Section("Not here", (), tables.not_here(all_))] if all_.absent else made


def _subject(all_: Latencies) -> str:
    manifest, threads, cpus = all_.order.bundle.manifest, all_.order.threads, sorted(all_.order.cpus)
    return (
        f"{manifest.name} {manifest.version}, {all_.window_s:g} s of sound at once, from a waveform in memory to "
        f"scores in memory; {threads} thread{'s' * (threads > 1)} on core{'s' * (len(cpus) > 1)} "
        f"{', '.join(map(str, cpus))}. Cores may be shared with strangers: trust ratios within a table more than "
        "milliseconds."
    )


def _method(all_: Latencies) -> str:
    pace = all_.order.pace
    return (
        f"Every engine is a process of its own. They take turns in {all_.rounds} rounds, each of which begins with "
        f"another engine: after a warm-up {pace.seconds:g} s of runs at each batch size, half as much for each part, "
        "and less of both where time is short. p50 is the median of the rounds' medians, its interval a bootstrap "
        f"over the rounds; clips per second follow from it. All of it took {all_.took_s:.0f} s."
    )


_TAILS = (
    f"p95 and p99 are over the runs of all rounds, and left out where these are fewer than {FEWEST_FOR[95]} or "
    f"{FEWEST_FOR[99]}: `--seconds` and `--rounds` give more."
)
_COST = (
    "Load: from files, which the disk's cache holds, to a session; libraries are imported before. Memory is what the "
    "process holds with its library alone, and by what it grows with the model, and with its largest batch in hand "
    "and answered; where an engine is on a GPU, the GPU's memory grows. Compiling begins with an empty cache, on all "
    "cores."
)
_ANSWERS = (
    "Accuracy is over sounds that the model has not heard: each fold is asked of a model trained without it. "
    "The last column compares answers with those of PyTorch in float32, on the forty clips of the repository."
)
_APART = (
    "Graphs are cut at the spectrogram as they are shipped; of PyTorch's model, modules are run by themselves. Both "
    "parts together may take longer than the whole, which has no need to hand the spectrogram over."
)
_FLOOR = (
    "The least time that this machine allows, the larger of two: the multiplications of the graph's convolutions and "
    "products, by the best rate at which large matrices of that precision were multiplied here; and the bytes of "
    "weights, of the waveform, and of what each convolution and product gives, touched once, by the bandwidth of "
    "the fastest copy that touches as many bytes or more: what fits into a cache is held to the cache's speed. Peaks "
    "are measured in every round, and the best of all counts."
)
_SHARED_FLOOR = (
    "PyTorch's engines share the floor of the graph of their precision, though their front end is an FFT, which "
    "needs fewer multiplications than the graph's products of matrices."
)
