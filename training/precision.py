"""The arithmetic of a run: which device, which number format, how strictly repeatable."""

import os
from contextlib import AbstractContextManager
from typing import Literal

import torch

from contract.errors import EarshotError

Precision = Literal["fp32", "bf16", "fp16"]


def device_named(name: str | None) -> torch.device:
    """The device of this name; with none named, the GPU where there is one."""
    if name not in {None, "cpu", "cuda"}:
        raise EarshotError(f"--device {name}: cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise EarshotError("--device cuda: PyTorch sees no GPU here (is it a CUDA build? does nvidia-smi answer?)")
    torch.backends.cudnn.allow_tf32 = False  # what is kept in float32 needs it: TF32 is 16 dB off on steep spectra
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def resolve_precision(asked: Literal["auto", "fp32", "bf16", "fp16"], device: torch.device) -> Precision:
    """What `auto` means here: bf16 only where the hardware multiplies it natively, for emulation is slower."""
    if asked != "auto":
        return asked
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if torch.cpu.get_capabilities().get("avx512_bf16") else "fp32"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Compute convolutions and products in this format; what needs float32 stays there."""
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype, enabled=precision != "fp32")


def repeatable(strictly: bool) -> None:
    """`strictly`: the same kernels every time, and none that differs from run to run. Else the fastest on a GPU."""
    torch.backends.cudnn.benchmark = not strictly
    if strictly:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats itself only with this
    torch.use_deterministic_algorithms(strictly)
