"""Power spectra of overlapping frames, and the mel bands in them, in three forms of one transform.

The FFT is the fastest in PyTorch, but graphs for other engines hold neither complex numbers nor an FFT operator.
There the discrete Fourier transform is a product of matrices: on a CPU in two stages, with a fifteenth of the
multiplications; on a GPU in one. Cosines, sines and the window are worked out in float64.
"""

import math

import torch
from torch import Tensor, nn

_BANDS_AT_A_TIME = 16  # fewer are more steps, more are more zeros: see docs/performance.md


class FFTPower(nn.Module):
    """Power spectrum of each frame by FFT: the fast form in PyTorch."""

    window: Tensor

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        """[B, N] → [B, frames, n_fft // 2 + 1]."""
        spectrum = torch.fft.rfft(waves.unfold(-1, self.n_fft, self.hop) * self.window)
        power: Tensor = spectrum.real.square() + spectrum.imag.square()
        return power


class BasesPower(nn.Module):
    """The same by one convolution with all cosines and sines: the form for GPUs.

    These bases are 4 MB for 1024 samples, so a graph holds angles that add up to theirs, in a fortieth of the bytes.
    Engines do the sums once, when they load the graph: of multiplications they do, of look-ups TensorRT does not.
    """

    window: Tensor
    coarse_cos: Tensor
    coarse_sin: Tensor
    fine_cos: Tensor
    fine_sin: Tensor

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft, self.hop, self.bins = n_fft, hop, n_fft // 2 + 1
        height, width = _factors(n_fft)
        turns = torch.arange(height)
        coarse = _angles(torch.outer(turns, turns), height)  # the same every `height` bins
        coarse = coarse.reshape(1, height, height, 1)
        bins = torch.arange(math.ceil(self.bins / height) * height)
        fine = _angles(torch.outer(bins, torch.arange(width)), n_fft).reshape(-1, height, 1, width)
        _keep(self, window=_hann(n_fft), coarse_cos=coarse.cos(), coarse_sin=coarse.sin())
        _keep(self, fine_cos=fine.cos(), fine_sin=fine.sin())

    def forward(self, waves: Tensor) -> Tensor:
        """[B, N] → [B, frames, n_fft // 2 + 1]."""
        spectrum = nn.functional.conv1d(waves.unsqueeze(1), self._bases().unsqueeze(1), stride=self.hop)
        real, imaginary = spectrum.chunk(2, dim=1)
        return (real * real + imaginary * imaginary).transpose(1, 2)

    def _bases(self) -> Tensor:
        cos = self.coarse_cos * self.fine_cos - self.coarse_sin * self.fine_sin
        sin = self.coarse_sin * self.fine_cos + self.coarse_cos * self.fine_sin
        both = [part.reshape(-1, self.n_fft)[: self.bins] for part in (cos, sin)]
        return torch.cat(both) * self.window


class TwoStagePower(nn.Module):
    """The same by two products of small matrices: the form for CPUs.

    Where n_fft is even, the sum of a frame's halves has the even bins and their difference the odd ones: two parts of
    half the length. With R·S samples in a part, sample S·a + b and bin c + R·d, the transform is a sum over a, the
    same for each b, then one over b for each c, which also turns the phases between the stages. As samples are real,
    c up to R / 2 is enough: the bins of all other c mirror these. Frames are columns of the result, since mel bands
    are wanted so.
    """

    window: Tensor
    first: Tensor
    second: Tensor
    rows: Tensor
    """Of the result, where each of the n_fft // 2 + 1 bins lies."""

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.hop, self.parts = hop, 2 - n_fft % 2
        self.height, self.width = height, width = _factors(n_fft // self.parts)
        part = torch.arange(self.parts).reshape(-1, 1, 1)
        turns = self.parts * torch.arange(height // 2 + 1).unsqueeze(1) + part
        bins = turns + self.parts * height * torch.arange(width)
        first = _angles(turns * torch.arange(height), self.parts * height)
        second = _angles(bins.flatten(0, 1).unsqueeze(2) * torch.arange(width), n_fft)
        cos, sin = second.cos(), second.sin()
        to_real, to_imaginary = torch.cat((cos, -sin), dim=2), torch.cat((sin, cos), dim=2)
        _keep(self, window=_hann(n_fft).reshape(self.parts, -1))
        _keep(self, first=torch.stack((first.cos(), first.sin()), dim=2).flatten(1, 2))
        _keep(self, second=torch.cat((to_real, to_imaginary), dim=1))
        self.register_buffer("rows", _rows(torch.minimum(bins, n_fft - bins).flatten(), n_fft), persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        """[B, N] → [rows, B, frames]."""
        count = (waves.shape[1] - self.window.numel()) // self.hop + 1
        parts = self._parts(waves, count).reshape(-1, self.parts, self.height, self.width)
        once = torch.matmul(self.first, parts).reshape(-1, len(self.second), 2 * self.width)
        twice = torch.matmul(self.second, once.permute(1, 2, 0))  # no copy: engines multiply by the transposed
        squares = (twice * twice).reshape(len(self.second), 2, -1)
        return squares.sum(1).reshape(len(self.second) * self.width, -1, count)

    def _parts(self, waves: Tensor, count: int) -> Tensor:
        """[B, N] → [frames of all, parts, samples]: what has the even bins and what has the odd ones, or all."""
        halves = [self._pieces(waves, count, i) * window for i, window in enumerate(self.window)]
        if self.parts == 2:
            early, late = halves
            halves = [early + late, early - late]
        return torch.cat(halves, dim=1)

    def _pieces(self, waves: Tensor, count: int, half: int) -> Tensor:
        """[B, N] → [frames of all, 1, samples], in runs of samples: exported, `unfold` copies each one by itself."""
        length = self.window.shape[1]
        run = math.gcd(length, self.hop)
        runs, rest = divmod(waves.shape[1], run)
        starts = torch.arange(count, device=waves.device) * (self.hop // run) + half * (length // run)
        order = starts.unsqueeze(1) + torch.arange(length // run, device=waves.device)
        whole = waves[:, :-rest] if rest else waves
        return whole.reshape(-1, runs, run).index_select(1, order.flatten()).reshape(-1, 1, length)


class DenseBands(nn.Module):
    """Mel bands by one product with all filters."""

    filters: Tensor

    def __init__(self, filters: Tensor) -> None:
        super().__init__()
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, power: Tensor) -> Tensor:
        """[B, frames, bins] → [B, bands, frames]."""
        return (power @ self.filters).transpose(1, 2)


class SparseBands(nn.Module):
    """The same where nearly all of the filters is zero: a few bands at a time, from the bins that they hear."""

    def __init__(self, filters: Tensor, rows: Tensor) -> None:
        super().__init__()
        self.groups = nn.ModuleList(_Group(some, rows) for some in torch.split(filters, _BANDS_AT_A_TIME, dim=1))

    def forward(self, power: Tensor) -> Tensor:
        """[rows, B, frames] → [B, bands, frames]."""
        columns = power.reshape(power.shape[0], -1)
        bands = torch.cat([group(columns) for group in self.groups])
        return bands.reshape(bands.shape[0], -1, power.shape[2]).transpose(0, 1)


class _Group(nn.Module):
    """Neighbouring bands, and the rows that hold the bins from the lowest to the highest that they hear."""

    filters: Tensor
    rows: Tensor

    def __init__(self, filters: Tensor, rows: Tensor) -> None:
        super().__init__()
        heard = filters.any(dim=1).nonzero().flatten()
        bins = slice(int(heard[0]), int(heard[-1]) + 1)
        self.register_buffer("filters", filters[bins].T.contiguous(), persistent=False)
        self.register_buffer("rows", rows[bins].clone(), persistent=False)

    def forward(self, power: Tensor) -> Tensor:
        """[rows, columns] → [bands, columns]."""
        return self.filters @ power.index_select(0, self.rows)


def _keep(module: nn.Module, **constants: Tensor) -> None:
    """As float32 buffers, which are rounded here for the first time, and are no part of a checkpoint."""
    for name, constant in constants.items():
        module.register_buffer(name, constant.float(), persistent=False)


def _factors(n_fft: int) -> tuple[int, int]:
    """R and S with the fewest multiplications, which are as R + 2·S, and of these the fewest constants."""
    heights = [height for height in range(1, n_fft + 1) if n_fft % height == 0]
    height = min(reversed(heights), key=lambda height: height + 2 * (n_fft // height))
    return height, n_fft // height


def _angles(steps: Tensor, circle: int) -> Tensor:
    """Of a Fourier transform; reduced as integers, so exact before they are scaled."""
    return (steps % circle).double() * (-2 * math.pi / circle)


def _hann(n_fft: int) -> Tensor:
    return 0.5 - 0.5 * _angles(torch.arange(n_fft), n_fft).cos()


def _rows(bins: Tensor, n_fft: int) -> Tensor:
    """One row that holds each bin, by the bin of each row."""
    rows = torch.empty(n_fft // 2 + 1, dtype=torch.long)
    rows[bins] = torch.arange(len(bins))
    return rows
