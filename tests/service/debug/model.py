"""The model that these tests look into."""

from pathlib import Path

BUNDLE = Path(__file__).parents[3] / "bundles" / "esc10-resnet"
