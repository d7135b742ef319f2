"""How long one window takes, on one CPU thread: PyTorch with torchaudio's spectrogram against the exported graphs.

All are timed in turn within one run, so that a change of the machine's speed meets them all.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from contract.manifest import Latency, Speed
from export.session import Session
from training.frontend import FrontEndConfig
from training.model import Classifier, Output
from training.provenance import machine
from training.torchaudio_shim import torchaudio

BASELINE = "PyTorch eager, torchaudio mel"
_ROUNDS = 40  # medians of fewer wander by several per cent on a shared machine
_WARM_UP = 5
_LOADS = 7


class TorchaudioClassifier(nn.Module):
    """The same model as one would write it without export in mind: torchaudio's spectrogram, then the network."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.frontend = model.frontend
        self.spectrogram = _torchaudio_mel(model.frontend.config, model.frontend.sample_rate)
        self.network = model.network

    def forward(self, waves: Tensor) -> Output:
        """[B, N] → scores and embedding."""
        output: Output = self.network(self.picture(waves))
        return output

    def picture(self, waves: Tensor) -> Tensor:
        """[B, N] → what the network sees."""
        floor = 10.0 ** (self.frontend.config.floor_db / 10)
        decibels = 10.0 * torch.log10(self.spectrogram(waves).clamp(min=floor))
        if self.frontend.config.kind == "mfcc":
            decibels = torch.matmul(self.frontend.get_buffer("cosines"), decibels)
        seen: Tensor = ((decibels - self.frontend.mean) / self.frontend.std).unsqueeze(1)
        return seen


def measure_speed(model: Classifier, graphs: dict[str, onnx.ModelProto], window_samples: int) -> Speed:
    """Median latencies of one window, PyTorch first."""
    window = np.random.default_rng(0).uniform(-0.5, 0.5, (1, window_samples)).astype(np.float32)
    with _one_thread():
        contents = {name: graph.SerializeToString() for name, graph in graphs.items()}
        sessions = {name: Session(content, threads=1) for name, content in contents.items()}
        runs = [_eager(model, window), *(_asking(session, window) for session in sessions.values())]
        medians = [statistics.median(column) for column in _interleaved(runs, _ROUNDS)]
        loading = [None, *map(_loading, contents.values())]
        where = machine(torch.device("cpu"))
    rows = (
        Latency(engine=engine, milliseconds=1000 * median, speedup=medians[0] / median, loading=load)
        for engine, median, load in zip(
            (BASELINE, *(f"ONNX Runtime, {name}" for name in sessions)), medians, loading, strict=True
        )
    )
    return Speed(machine=where, rounds=_ROUNDS, rows=tuple(rows))


def _eager(model: Classifier, window: NDArray[np.float32]) -> Callable[[], object]:
    eager = TorchaudioClassifier(model).eval()
    waves = torch.from_numpy(window)

    def run() -> object:
        with torch.inference_mode():
            return eager(waves)

    return run


def _asking(session: Session, window: NDArray[np.float32]) -> Callable[[], object]:
    return partial(session, window)


def _interleaved(contenders: list[Callable[[], object]], rounds: int) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in contenders]
    for number in range(_WARM_UP + rounds):
        for run, column in zip(contenders, times, strict=True):
            started = time.perf_counter()
            run()
            if number >= _WARM_UP:
                column.append(time.perf_counter() - started)
    return times


def _loading(graph: bytes) -> float:
    """Milliseconds until a session stands."""
    (times,) = _interleaved([partial(Session, graph, 1)], _LOADS)
    return 1000 * statistics.median(times)


def _torchaudio_mel(config: FrontEndConfig, sample_rate: int) -> nn.Module:
    mel: nn.Module = torchaudio.transforms.MelSpectrogram(
        sample_rate, config.n_fft, hop_length=config.hop, f_min=config.fmin, f_max=config.fmax,
        n_mels=config.n_mels, center=False, mel_scale="htk",
    )  # fmt: skip
    return mel


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
