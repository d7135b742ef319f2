"""What is tried: engines × threads × largest batch on a CPU, streams × largest batch on a GPU; and by which loads."""

from service.profiles import Tuning

BATCHES_ON_CPU = (1, 2, 4, 8)
"""A CPU gains next to nothing by a batch, and the first window of one waits for the last."""
BATCHES_ON_GPU = (8, 16, 32, 64)
STREAMS_ON_GPU = (1, 2, 3)

CONNECTIONS_ON_GPU = (1, 8, 32, 128)
CONNECTIONS_PER_CORE = (2, 4, 16)
MOST_CONNECTIONS = 64
"""What the shortest line of a service on a CPU holds: more would be refused, not measured."""


def grid(default: Tuning, cores: int, *, on_gpu: bool) -> list[Tuning]:
    """The default first, as all others are judged by it."""
    if on_gpu:
        shapes, batches = [(streams, 1) for streams in STREAMS_ON_GPU], BATCHES_ON_GPU
    else:
        shapes, batches = shapes_on(cores), BATCHES_ON_CPU
    tried = [Tuning(replicas=count, threads=threads, max_batch=most) for count, threads in shapes for most in batches]
    return [default, *(one for one in tried if one != default)]


def shapes_on(cores: int) -> list[tuple[int, int]]:
    """Engines and their threads that fill the cores, or half of them: whoever sends may live on the rest."""
    return [
        (share // threads, threads) for share in sorted({cores, max(1, cores // 2)}) for threads in _counts_to(share)
    ]


def connections_for(cores: int, *, on_gpu: bool) -> tuple[int, ...]:
    """One that is alone, then more and more."""
    if on_gpu:
        return CONNECTIONS_ON_GPU
    return tuple(sorted({1, *(min(times * cores, MOST_CONNECTIONS) for times in CONNECTIONS_PER_CORE)}))


def name_of(tuning: Tuning, *, on_gpu: bool) -> str:
    """In words."""
    return f"{shape_of(tuning, on_gpu=on_gpu)}, batches up to {tuning.max_batch}"


def shape_of(tuning: Tuning, *, on_gpu: bool) -> str:
    """Engines and threads; streams, where threads are none of its business."""
    threads = "" if on_gpu else f" × {tuning.threads} thread{'s' * (tuning.threads > 1)}"
    return f"{tuning.replicas} {'stream' if on_gpu else 'engine'}{'s' * (tuning.replicas > 1)}{threads}"


def _counts_to(most: int) -> list[int]:
    """1, 2, 4, 8 … and the most."""
    return sorted({2**power for power in range(most.bit_length())} | {most})
