"""How many CPU cores this process may really use."""

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores() -> int:
    """Those that it may run on, or fewer where a container's quota is less: `docker run --cpus 2` on a large host."""
    allowed = len(os.sched_getaffinity(0))
    quota = quota_in(_QUOTA)
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def quota_in(file: Path) -> float | None:
    """Cores' worth of time that a control group grants; None where it does not say."""
    try:
        granted, period = file.read_text(encoding="ascii").split()
        return None if granted == "max" else int(granted) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
