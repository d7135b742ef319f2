"""The network's shape, its names, its size."""

import pytest
import torch

from training.frontend import FrontEndConfig, build_frontend
from training.model import AudioResNet, Classifier, ModelConfig, multiply_accumulates

PICTURE = torch.zeros(2, 1, 128, 249)


def test_logits_and_embedding() -> None:
    output = AudioResNet(ModelConfig(), 50).eval()(PICTURE)
    assert output.logits.shape == (2, 50)
    assert output.embedding.shape == (2, 256)


def test_the_default_network_is_small() -> None:
    network = AudioResNet(ModelConfig(), 50).eval()
    assert sum(p.numel() for p in network.parameters()) <= 3_000_000
    assert multiply_accumulates(network, PICTURE[:1]) <= 500_000_000


def test_operations_are_counted_as_on_paper() -> None:
    network = AudioResNet(ModelConfig(widths=(4,), blocks=(1,), stem="conv1"), 3).eval()
    frames = 8 * 10
    stem, convolutions, head = frames * 25 * 4, 2 * frames * 9 * 4 * 4, 4 * 3
    assert multiply_accumulates(network, torch.zeros(1, 1, 8, 10)) == stem + convolutions + head


def test_dropout_stands_in_every_block() -> None:
    config = ModelConfig(dropout=0.3, block_dropout=0.1)
    network = AudioResNet(config, 50)
    shares = [module.p for module in network.modules() if isinstance(module, torch.nn.Dropout)]
    assert shares == [0.1] * sum(config.blocks) + [0.3]


def test_every_layer_can_be_addressed_by_name() -> None:
    names = dict(AudioResNet(ModelConfig(), 50).named_modules())
    assert {"stem.conv", "layer1.block1.conv1", "layer2.block1.relu", "layer2.block1.shortcut", "layer4.block2.bn2",
            "head"} <= names.keys()  # fmt: skip


@pytest.mark.parametrize("stem", ["pool4", "conv2", "conv1"])
@pytest.mark.parametrize("blocks", [(1,), (1, 2), (1, 1, 1, 1, 1)])
def test_any_depth_and_stem(stem: str, blocks: tuple[int, ...]) -> None:
    widths = tuple(8 * 2**i for i in range(len(blocks)))
    config = ModelConfig.model_validate({"widths": widths, "blocks": blocks, "stem": stem})
    output = AudioResNet(config, 3).eval()(torch.randn(2, 1, 33, 47))
    assert output.embedding.shape == (2, widths[-1])


def test_a_layer_can_be_watched_as_it_is() -> None:
    network = AudioResNet(ModelConfig(widths=(8,), blocks=(1,)), 3).eval()
    seen = []
    network.get_submodule("layer1.block1.bn1").register_forward_hook(
        lambda _module, _inputs, output: seen.append(output)
    )
    network(torch.randn(2, 1, 16, 16))
    assert seen[0].min() < 0  # what follows has not written over it


def test_widths_and_blocks_must_match() -> None:
    with pytest.raises(ValueError, match="same length"):
        ModelConfig(widths=(8, 16), blocks=(1,))


def test_blocks_may_be_narrower_inside() -> None:
    config = ModelConfig(widths=(8, 16), blocks=(1, 2), inner=((4,), (24, 8)))
    network = AudioResNet(config, 3).eval()
    assert network.get_submodule("layer2.block1.conv1").weight.shape == (24, 8, 3, 3)
    assert network.get_submodule("layer2.block2.conv2").weight.shape == (16, 8, 3, 3)
    assert network(PICTURE).embedding.shape == (2, 16)


def test_inner_widths_not_named_are_those_of_the_stage() -> None:
    plain = ModelConfig(widths=(8, 16), blocks=(1, 2))
    assert plain.inner_widths == ((8,), (16, 16))
    named = ModelConfig(widths=(8, 16), blocks=(1, 2), inner=plain.inner_widths)
    shapes = [{k: v.shape for k, v in AudioResNet(c, 3).state_dict().items()} for c in (plain, named)]
    assert shapes[0] == shapes[1]


def test_a_block_starts_as_its_shortcut() -> None:
    network = AudioResNet(ModelConfig(widths=(8,), blocks=(1,)), 3).eval()
    x = torch.rand(2, 8, 16, 16)  # not negative: the last activation leaves it as it is
    assert torch.equal(network.get_submodule("layer1.block1")(x), x)


def test_answers_do_not_depend_on_the_neighbours_in_the_batch() -> None:
    torch.manual_seed(0)
    classifier = Classifier(build_frontend(FrontEndConfig(), 32000), AudioResNet(ModelConfig(), 5)).eval()
    waves = torch.randn(4, 32000) * 0.1
    together, alone = classifier(waves).logits, classifier(waves[2:3]).logits
    assert torch.allclose(together[2:3], alone, atol=1e-4)
