"""The moving average of the weights."""

import torch

from training.average import MovingAverage
from training.checkpoint import build_classifier
from training.recipe import Recipe


def test_without_decay_it_is_the_model_itself(tiny: Recipe) -> None:
    model = build_classifier(tiny, 3)
    average = MovingAverage(model, 0.0)
    with torch.no_grad():
        model.network.head.bias.fill_(7)
    average.update(model, 100)
    assert torch.equal(average.module.network.head.bias, model.network.head.bias)


def test_it_follows_slowly_and_ever_slower(tiny: Recipe) -> None:
    model = build_classifier(tiny, 3)
    average = MovingAverage(model, 0.99)
    start = average.module.network.head.bias.clone()
    with torch.no_grad():
        model.network.head.bias.add_(1)
    average.update(model, 0)
    assert torch.allclose(average.module.network.head.bias - start, torch.tensor(0.9))
    average.update(model, 10_000)
    assert torch.allclose(average.module.network.head.bias - start, torch.tensor(0.901))


def test_running_statistics_follow_too(tiny: Recipe) -> None:
    model = build_classifier(tiny, 3).train()
    average = MovingAverage(model, 0.0)
    model(torch.randn(4, tiny.audio.window_samples))
    average.update(model, 0)
    name = "network.stem.bn.running_mean"
    assert model.state_dict()[name].any()
    assert torch.equal(average.module.state_dict()[name], model.state_dict()[name])


def test_it_is_never_trained_itself(tiny: Recipe) -> None:
    average = MovingAverage(build_classifier(tiny, 3), 0.9).module
    assert not average.training
    assert not any(parameter.requires_grad for parameter in average.parameters())
