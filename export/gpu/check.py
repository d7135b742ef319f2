"""`python -m export.gpu.check`: every engine that a GPU can run the model with, proven equal and timed.

Without a GPU it says what is missing and is content: nothing is wrong, there is only nothing to check.
"""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from contract.errors import EarshotError

_ROOT = Path(__file__).parent.parent.parent
_BUNDLE = _ROOT / "bundles" / "esc50-resnet"
_CLIPS = _ROOT / "tests" / "data" / "esc10-mini" / "audio"
_NEEDED = ("torch", "onnx", "onnxscript", "onnxruntime", "safetensors")


def main(words: list[str] | None = None) -> int:
    """Run the check; 0 = all that could be checked holds, 1 = something does not."""
    options = _options(words)
    if reason := missing():
        print(f"skipped: {reason}")
        return 0
    import torch

    from export.gpu.columns import check

    try:
        holds = check(options.bundle, options.clips, torch.device("cuda"), options.runs, options.compile, options.out)
    except (EarshotError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0 if holds else 1


def missing() -> str | None:
    """What stands between this machine and the check, in one sentence; None if nothing does."""
    if lacking := [name for name in _NEEDED if find_spec(name) is None]:
        return f"the GPU check needs {', '.join(lacking)}, not installed here: pip install -e '.[export]'"
    import torch

    if torch.cuda.is_available():
        return None
    if torch.version.cuda is None:
        return f"the GPU check needs an NVIDIA GPU and PyTorch with CUDA; PyTorch {torch.__version__} is without CUDA"
    return "the GPU check needs an NVIDIA GPU, and PyTorch sees none (does nvidia-smi answer?)"


def _options(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "export.gpu.check", description="Prove and time every engine that runs on a GPU."
    )
    parser.add_argument("--bundle", type=Path, default=_BUNDLE, help="a bundle, a run, or a checkpoint (%(default)s)")
    parser.add_argument("--clips", type=Path, default=_CLIPS, help="folder of sounds to compare answers on")
    parser.add_argument(
        "--runs", type=_positive, default=500, help="timed runs of each engine and batch (%(default)s)"
    )
    parser.add_argument("--compile", action="store_true", help="torch.compile too: takes minutes")
    parser.add_argument("--out", type=Path, help="JSON file for all figures, with the machine they come from")
    return parser.parse_args(words)


def _positive(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
