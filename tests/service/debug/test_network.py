"""The eye on the layers: it sees what the network does, changes nothing of it, and finds where a score comes from."""

from pathlib import Path

import numpy as np
import pytest
import torch

from contract.audio import decode
from contract.bundle import WEIGHTS
from service.debug.network import DebugNetwork
from service.engines.base import Samples
from tests.service.debug.model import BUNDLE
from training.checkpoint import load_model


@pytest.fixture(scope="module")
def network() -> DebugNetwork:
    return DebugNetwork(BUNDLE / WEIGHTS)


@pytest.fixture(scope="module")
def wave() -> Samples:
    return decode(BUNDLE.parent.parent / "docs" / "sounds" / "rooster.wav", 32_000)[:160_000]


def test_the_scores_are_the_models_own(network: DebugNetwork, wave: Samples) -> None:
    model, _ = load_model(BUNDLE / WEIGHTS)
    with torch.inference_mode():
        wanted = model(torch.from_numpy(wave)[None]).logits[0].numpy()
    for layers in ([], ["stem.relu"], [layer.name for layer in network.layers]):
        np.testing.assert_allclose(network.look(wave, layers, None, 3).logits, wanted, atol=1e-5)


def test_every_layer_is_there_by_the_name_of_the_contract(network: DebugNetwork) -> None:
    names = [layer.name for layer in network.layers]
    assert {"stem.conv", "layer1.block1.bn1", "layer3.block1.relu", "layer2.block1.shortcut", "head"} <= set(names)
    assert names.index("stem.conv") < names.index("layer1.block1.conv1") < names.index("head")
    assert not [name for name in names if "dropout" in name]


def test_what_a_layer_gives_has_the_shape_that_was_told(network: DebugNetwork, wave: Samples) -> None:
    seen = network.look(wave, [layer.name for layer in network.layers], None, 1)
    assert {name: maps.shape for name, maps in seen.maps.items()} == {
        layer.name: layer.shape for layer in network.layers
    }


def test_a_relu_gives_what_its_batch_norm_gave_without_the_negative(network: DebugNetwork, wave: Samples) -> None:
    maps = network.look(wave, ["layer1.block1.bn1", "layer1.block1.relu1"], None, 1).maps
    np.testing.assert_array_equal(maps["layer1.block1.relu1"], np.maximum(maps["layer1.block1.bn1"], 0))


def test_looking_leaves_nothing_behind(network: DebugNetwork, wave: Samples) -> None:
    network.look(wave, ["stem"], None, 2)
    hooks = [module._forward_hooks for module in network._network.modules()]
    assert not any(hooks)


def test_heat_is_where_the_sound_is(network: DebugNetwork, wave: Samples) -> None:
    """The same second of a rooster early or late in silence: what speaks for it moves along."""
    crow = wave[np.abs(wave).argmax() - 8_000 :][:32_000]
    moments = []
    for start in (0, 110_000):
        window = np.zeros(160_000, np.float32)
        window[start : start + len(crow)] = crow
        seen = network.look(window, [], None, 1)
        ((_, heat),) = seen.heats.items()
        over_time = heat.mean(axis=0)
        moments.append((over_time.argmax() + 0.5) / len(over_time))
    early, late = moments
    assert early < 0.4
    assert late > 0.6


def test_heat_of_any_class_can_be_asked_for(network: DebugNetwork, wave: Samples) -> None:
    seen = network.look(wave, [], [3, 7], 1)
    assert list(seen.heats) == [3, 7]
    assert all(0 <= heat.min() <= heat.max() <= 1 for heat in seen.heats.values())


def test_the_axes_are_those_of_the_spectrogram(network: DebugNetwork) -> None:
    """A tone shows in the band of its frequency, a click in the frame of its moment."""
    moments = np.arange(160_000) / 32_000
    tone = (0.5 * np.sin(2 * np.pi * 3_000 * moments)).astype(np.float32)
    bands = network.look(tone, [], None, 1).spectrogram.mean(axis=1)
    assert network.axes.hertz[bands.argmax()] == pytest.approx(3_000, rel=0.05)
    click = np.zeros(160_000, np.float32)
    click[96_000] = 1
    frames = network.look(click, [], None, 1).spectrogram.mean(axis=0)
    assert network.axes.seconds[frames.argmax()] == pytest.approx(3.0, abs=0.03)
    assert network.axes.seconds.shape == frames.shape


def test_a_short_sound_is_followed_by_silence(network: DebugNetwork, wave: Samples) -> None:
    padded = np.concatenate([wave[:50_000], np.zeros(110_000, np.float32)])
    short, whole = (network.look(one, [], None, 1).logits for one in (wave[:50_000], padded))
    np.testing.assert_array_equal(short, whole)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    from training.checkpoint import CheckpointError

    with pytest.raises(CheckpointError):
        DebugNetwork(tmp_path / "nothing.safetensors")
