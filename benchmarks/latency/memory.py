"""What lies in the memory of the GPU, as its driver says: the same for every library."""

import subprocess

_PATIENCE_S = 10
_MIB = 2**20


def gpu_bytes() -> float:
    """Of all GPUs and all processes: a difference is one process's, where no other does anything meanwhile.

    Not a number where the driver's own program is missing.
    """
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE_S)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return float("nan")
    return sum(float(line) for line in answer.stdout.split()) * _MIB
