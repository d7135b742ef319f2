"""A model so small that it learns in seconds, and real sounds for it."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from training.checkpoint import MODEL_FILE, load_model
from training.material import Material, Sounds, load_sounds
from training.observers import Observer
from training.recipe import Recipe

TINY = Recipe.model_validate(
    {
        "name": "tiny",
        "audio": {"sample_rate": 16000, "seconds": 5.0},
        "front_end": {"n_fft": 512, "hop": 320, "n_mels": 40, "fmax": 8000},
        "model": {"widths": [8, 16, 32], "blocks": [1, 1, 1], "dropout": 0.1},
        "wave_augment": {"shift": {"p": 1.0}, "gain": {"p": 0.5}},
        "spectrogram_augment": {"time": {"p": 0.5}, "frequency": {"p": 0.5}},
        "mixing": {"none": 1, "mixup": 1},
        "optimiser": {"lr": 1e-2, "ema_decay": 0.9},
        "loop": {"epochs": 4, "batch_size": 8, "precision": "fp32", "evaluate_every": 2},
    }
)


def changed(recipe: Recipe, **sections: dict[str, object]) -> Recipe:
    content = recipe.model_dump()
    for name, fields in sections.items():
        content[name] |= fields
    return Recipe.model_validate(content)


def unwatched(_fold: int, _folder: Path) -> tuple[Observer, ...]:
    return ()


def after(steps: int) -> Callable[[], bool]:
    """Asks to stop after so many steps."""
    count = itertools.count(1)
    return lambda: next(count) >= steps


def final_weights(folder: Path) -> dict[str, Tensor]:
    return load_model(folder / MODEL_FILE)[0].state_dict()


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first | second)


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    return TINY


@pytest.fixture(scope="session")
def sounds(esc10_mini: Path, tmp_path_factory: pytest.TempPathFactory) -> Sounds:
    return load_sounds(esc10_mini, TINY, cache_folder=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def material(sounds: Sounds) -> Material:
    """Fold 1 held out."""
    return sounds.split(frozenset({1}))
