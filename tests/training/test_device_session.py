"""A model asked through memory that stays where it is, as far as it goes without a GPU."""

import pytest
import torch
from torch import Tensor

from training.data.cache import FULL_SCALE
from training.device_session import DeviceSession, host_memory, without_tf32

CPU = torch.device("cpu")


def halved(waves: Tensor) -> tuple[Tensor, Tensor]:
    return waves / 2, waves.sum(dim=1, keepdim=True)


def test_each_run_hears_what_lies_in_its_memory_now() -> None:
    waves = host_memory((3, 4), CPU)
    session = DeviceSession(halved, CPU, waves[:2], captured=False)
    for loudness in (1.0, 2.0):
        waves.fill_(loudness)
        half, total = session.run()
        assert half.tolist() == [[loudness / 2] * 4] * 2
        assert total.tolist() == [[4 * loudness]] * 2


def test_the_next_run_overwrites_the_answers_of_the_last() -> None:
    waves = host_memory((1, 4), CPU)
    session = DeviceSession(halved, CPU, waves, captured=False)
    first = session.run()
    waves.fill_(1)
    second = session.run()
    assert [answer.data_ptr() for answer in first] == [answer.data_ptr() for answer in second]
    assert first[1].item() == 4


def test_pcm_is_widened_to_full_scale() -> None:
    waves = host_memory((1, 4), CPU, torch.int16)
    waves[:] = torch.tensor([0, FULL_SCALE / 2, -FULL_SCALE, 1]).short()
    half, _ = DeviceSession(halved, CPU, waves, captured=False).run()
    assert half.tolist() == [[0, 0.25, -0.5, 0.5 / FULL_SCALE]]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_cuda_graph_answers_as_plain_runs_do() -> None:
    device = torch.device("cuda")
    waves = host_memory((2, 1000), device)
    assert waves.is_pinned()
    plain, captured = (DeviceSession(halved, device, waves, captured=mode) for mode in (False, True))
    for loudness in (0.5, 2.0):
        waves.fill_(loudness)
        for wanted, found in zip(plain.run(), captured.run(), strict=True):
            assert torch.equal(wanted, found)


def test_tf32_is_off() -> None:
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    without_tf32()
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
