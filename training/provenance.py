"""What measured a figure, as PyTorch sees it."""

import torch

from contract.provenance import processor


def machine(device: torch.device) -> str:
    """Processor or GPU in words, for the side of a figure."""
    if device.type == "cuda":
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"{processor()}, {threads} thread{'s' if threads > 1 else ''}"
