"""torchaudio beside a CPU build of PyTorch.

torchaudio's wheel loads an extension that links CUDA, so its import fails where PyTorch was built without it.
All we use of torchaudio is Python (filter banks, resampling, the reference spectrograms of the tests); standing in
for the extension is enough. With a CUDA build nothing is replaced.
"""

import sys
from types import ModuleType

import torch


def _stand_in() -> ModuleType:
    extension = ModuleType("torchaudio._extension")
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = False  # type: ignore[attr-defined]
    extension.fail_if_no_align = lambda function: function  # type: ignore[attr-defined]
    return extension


if torch.version.cuda is None:
    sys.modules.setdefault("torchaudio._extension", _stand_in())

import torchaudio  # noqa: E402  (only importable after the stand-in is in place)

__all__ = ["torchaudio"]
