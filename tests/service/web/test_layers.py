"""The page Layers in a real browser, with the debug path on and off."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from service.routes.debug import OFF
from tests.service.process import Process, running
from tests.service.web.conftest import ROOSTER, Opened
from tests.service.web.look import PHONE, drawn, problem_of, says

if TYPE_CHECKING:
    from playwright.sync_api import Page

LAYER = "layer3.block1.relu"


def shown(page: "Page", layer: str) -> None:
    says(page, ".state", f"^{re.escape(layer)} is shown")
    assert page.inner_text("#layer") == layer


def pick(page: "Page", layer: str) -> None:
    """By the keyboard alone: open what is on the way, and enter."""
    page.focus("#tree [tabindex='0']")
    page.keyboard.press("Home")
    for depth, part in enumerate(layer.split(".")):
        if depth:
            page.keyboard.press("ArrowRight")
            page.keyboard.press("ArrowRight")
        for _ in range(50):
            if page.evaluate("document.activeElement.querySelector('span').textContent") == part:
                break
            page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def test_a_layer_is_picked_and_seen(opened: Opened, looking: Process) -> None:
    page = opened("/layers", of=looking)
    shown(page, "layer1.block1.relu")
    pick(page, LAYER)
    shown(page, LAYER)
    assert "rooster" in page.inner_text(".said")
    assert "the engine says the same" in page.inner_text(".said")
    assert drawn(page, ".map") > 20
    assert drawn(page, ".heat") > 100
    assert page.locator(".thumbs button").count() == 24
    assert "mean ± std" in page.inner_text(".side .facts")
    assert "ReLU" in page.inner_text("#layer-facts")
    assert page.locator("#channel option").count() == int(page.inner_text("#layer-facts").split(", ")[1].split()[0])


def test_a_channel_and_a_class_are_picked(opened: Opened, looking: Process) -> None:
    page = opened("/layers", of=looking)
    shown(page, "layer1.block1.relu")
    page.click(".thumbs button >> nth=3")
    channel = page.inner_text(".thumbs button >> nth=3")
    assert page.input_value("#channel") == channel
    assert f"Channel {channel}" in page.inner_text("figure:has(.map) figcaption")
    page.select_option("#class", "rain")
    says(page, ".side figcaption", "speaks for rain")
    assert page.input_value("#channel") == channel
    page.uncheck("#heat")
    assert "Spectrogram in dB" in page.inner_text(".side figcaption >> nth=0")


def test_features_are_bars(opened: Opened, looking: Process) -> None:
    page = opened("/layers", of=looking)
    shown(page, "layer1.block1.relu")
    pick(page, "head")
    shown(page, "head")
    assert "10 features" in page.inner_text("figure:has(.map) figcaption")
    assert page.locator(".thumbs").is_hidden()
    assert page.locator("#channel").is_disabled()
    assert drawn(page, ".map") == 2


def test_two_sounds_are_compared_side_by_side(opened: Opened, looking: Process) -> None:
    page = opened("/layers", of=looking)
    shown(page, "layer1.block1.relu")
    page.check("#compare")
    says(page, ".side >> nth=1 >> .said", "dog")
    left, right = (page.locator(".side").nth(i).bounding_box() for i in (0, 1))
    assert left
    assert right
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    page.set_input_files(".side >> nth=1 >> input[type=file]", ROOSTER)
    says(page, ".side >> nth=1 >> .said", "rooster")


def test_a_window_of_a_long_sound_is_picked(opened: Opened, looking: Process) -> None:
    page = opened("/layers", of=looking)
    shown(page, "layer1.block1.relu")
    page.select_option(".sample", label="Long: three in a row")
    says(page, ".said", "dog")
    page.fill(".window", "2")
    page.keyboard.press("Enter")
    says(page, ".said", "rooster")
    assert "10 – 15 s" in page.inner_text(".side figcaption >> nth=0")
    page.fill(".window", "3")
    page.keyboard.press("Enter")
    assert "the sound has 3" in problem_of(page)


def test_a_file_that_is_no_sound_is_told_in_the_services_words(
    opened: Opened, looking: Process, no_sound: Path
) -> None:
    page = opened("/layers", of=looking)
    shown(page, "layer1.block1.relu")
    page.set_input_files(".side input[type=file]", no_sound)
    assert "not audio" in problem_of(page)


def test_where_the_debug_path_is_off_the_page_says_how_it_is_put_on(opened: Opened) -> None:
    page = opened("/layers")
    assert problem_of(page) == OFF
    assert page.locator("#inside").is_hidden()


def test_where_pytorch_is_missing_the_page_says_what_to_install(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n")
    with running("--bundle", "esc10-resnet", "--debug", env={"PYTHONPATH": str(tmp_path)}) as server:
        page = opened("/layers", of=server)
        assert "pip install -e '.[debug]'" in problem_of(page)
        assert page.locator("#inside").is_hidden()


def test_it_fits_a_phone(opened: Opened, looking: Process) -> None:
    page = opened("/layers", of=looking, **PHONE)
    shown(page, "layer1.block1.relu")
    page.check("#compare")
    says(page, ".side >> nth=1 >> .said", "dog")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
