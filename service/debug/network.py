"""The model in PyTorch, with an eye on every layer. The only place of the debug path that needs PyTorch.

The same weights and the same front end as in the graphs that serve, in float32.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from service.debug.layers import Layer
from service.debug.seen import Axes, Heat, Seen
from service.engines.base import Samples
from training.checkpoint import load_model
from training.frontend import LogMel
from training.spectrum import DenseBands


class DebugNetwork:
    """Used by one thread at a time."""

    def __init__(self, weights: Path) -> None:
        model, facts = load_model(weights)
        for parameter in model.parameters():
            parameter.requires_grad = False
        self._model = model
        self._network = model.network
        self._window = facts.recipe.audio.window_samples
        self._last = self._network.get_submodule(self._network.stages[-1])
        self.axes = _axes(model.frontend, self._window)
        self.layers = tuple(self._measured())

    def look(self, wave: Samples, layers: Iterable[str], heats_of: Sequence[int] | None, best: int) -> Seen:
        """All of it in one pass; heats of these classes, or of so many of the most probable ones."""
        waves = torch.zeros(1, self._window)
        waves[0, : len(wave)] = torch.from_numpy(np.ascontiguousarray(wave[: self._window], np.float32))
        with self._kept(layers) as maps, self._branched() as branches, torch.enable_grad():
            logits = self._network(self._model.frontend(waves)).logits[0]
            (last,) = branches
            classes = logits.topk(min(best, len(logits))).indices.tolist() if heats_of is None else heats_of
            heats = {index: _heat(logits[index], last) for index in classes}
        with torch.inference_mode():
            spectrogram = self._model.frontend.decibels(waves)[0].numpy()
        return Seen(logits.detach().numpy(), spectrogram, maps, heats)

    def _measured(self) -> Iterator[Layer]:
        """All that do something to a sound, in the order in which they do."""
        modules = {
            name: one for name, one in self._network.named_modules() if name and not isinstance(one, nn.Dropout)
        }
        with self._kept(modules) as maps, torch.inference_mode():
            self._network(self._model.frontend(torch.zeros(1, self._window)))
        for name, found in maps.items():
            parameters = sum(one.numel() for one in modules[name].parameters())
            yield Layer(name, type(modules[name]).__name__, parameters, found.shape)

    @contextmanager
    def _kept(self, names: Iterable[str]) -> Iterator[dict[str, Samples]]:
        """What these layers give, in the order in which they do."""
        maps: dict[str, Samples] = {}

        def keep(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
            def hook(_: nn.Module, __: object, output: Tensor) -> None:
                maps[name] = output.detach()[0].numpy()

            return module.register_forward_hook(hook)

        handles = [keep(name, self._network.get_submodule(name)) for name in names]
        try:
            yield maps
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def _branched(self) -> Iterator[list[Tensor]]:
        """From the last stage on, gradients are kept: a few thousand numbers instead of millions."""
        branches: list[Tensor] = []

        def hook(_: nn.Module, __: object, output: Tensor) -> Tensor:
            branches.append(output.detach().requires_grad_())
            return branches[-1]

        handle = self._last.register_forward_hook(hook)
        try:
            yield branches
        finally:
            handle.remove()


def _heat(score: Tensor, last: Tensor) -> Heat:
    """Grad-CAM: channels by how much the score hangs on them, and of the sum what speaks for the class."""
    (gradient,) = torch.autograd.grad(score, last, retain_graph=True)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    heat = (weights * last).sum(dim=1)[0].relu().detach()
    most = float(heat.max())
    scaled: Heat = (heat / most if most > 0 else heat).numpy()
    return scaled


def _axes(frontend: LogMel, window: int) -> Axes:
    config, bands = frontend.config, frontend.mel
    assert isinstance(bands, DenseBands)  # noqa: S101  (as it is built; exported graphs have others)
    filters = bands.filters.double().numpy()  # [bins, bands]
    bins = np.arange(len(filters)) * frontend.sample_rate / config.n_fft
    frames = 1 + (window - config.n_fft) // config.hop
    seconds = (np.arange(frames) * config.hop + config.n_fft / 2) / frontend.sample_rate
    return Axes(bins @ filters / filters.sum(axis=0), seconds)
