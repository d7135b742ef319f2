"""The page Listen in a real browser: files, samples, microphone, errors, keys, the keyboard, a phone, the dark."""

import io
import shlex
from pathlib import Path

import pytest
import soundfile

from tests.contract.sounds import wav
from tests.service.process import running
from tests.service.web.conftest import Opened
from tests.service.web.look import PHONE, answer_of, drawn, drop, problem_of, says

INTERACTIVE_MS = 1000
FIRST_LOAD = 500_000


def test_a_dropped_file_is_named_and_seen(opened: Opened, rooster: bytes) -> None:
    page = opened("/")
    drop(page, rooster, "morning.wav")
    assert answer_of(page) == "rooster"
    assert page.locator("#predictions li").count() == 5
    assert "rooster" in page.inner_text("#predictions li >> nth=0")
    assert "morning.wav: WAV PCM_16, 32,000 Hz, mono, 5.0 s" in page.inner_text("#source")
    assert "Sure enough" in page.inner_text("#verdict")
    assert "engine" in page.inner_text("#timings")
    assert drawn(page, ".spectrogram") > 100
    assert drawn(page, ".wave") > 1
    assert page.locator("#long").is_hidden()
    assert "sounds like rooster" in page.inner_text("[role=status]")


def test_text_is_no_sound_and_the_page_says_so_in_the_services_words(opened: Opened, no_sound: Path) -> None:
    page = opened("/")
    drop(page, no_sound.read_bytes(), no_sound.name, "text/plain")
    assert "This is not audio in a known format" in problem_of(page)
    assert page.locator("#result").is_hidden()
    page.click("text=Rooster")
    assert answer_of(page) == "rooster"
    assert page.inner_text(".problem") == ""


def test_long_audio_has_a_timeline_that_can_be_played(opened: Opened, rooster: bytes, tmp_path: Path) -> None:
    file = tmp_path / "long.wav"
    file.write_bytes(wav(bytes(2 * 160_000) + rooster[44:], sample_rate=32_000))
    page = opened("/")
    page.set_input_files("#file", file)
    answer_of(page)
    assert page.locator("#timeline li").count() == 2
    page.click("#timeline button >> nth=1")
    says(page, ".time", "^[5-9]")
    assert page.inner_text(".play") == "Pause"


def test_the_microphone_is_recorded_and_named(opened: Opened) -> None:
    page = opened("/")
    page.click("#record")
    says(page, ".state", "Recording … [4-9]")
    page.click("#record")
    assert answer_of(page) == "rooster"
    assert "recording.wav" in page.inner_text("#source")


def test_a_name_is_never_html(opened: Opened, rooster: bytes) -> None:
    page = opened("/")
    name = "<img src=x onerror=alert(1)>'; rm -rf '.wav"
    drop(page, rooster, name)
    answer_of(page)
    assert page.inner_text("#source").startswith(name)
    assert page.locator("main img").count() == 0
    words = shlex.split(page.inner_text("#curl"))
    assert words[words.index("--data-binary") + 1] == f"@{name}"


def test_a_request_can_be_copied_for_a_terminal(opened: Opened) -> None:
    page = opened("/", permissions=["clipboard-read", "clipboard-write"])
    page.click("text=Dog")
    answer_of(page)
    page.click("#copy")
    says(page, ".state", "^Copied")
    words = shlex.split(page.evaluate("navigator.clipboard.readText()"))
    assert words[:2] == ["curl", "-s"]
    assert words[2].endswith("/web/samples/dog.ogg")
    assert words[-1].endswith("/v1/classify?top_k=5")


def test_a_key_is_asked_for_where_one_is_needed(opened: Opened, rooster: bytes) -> None:
    with running("--bundle", "esc10-resnet", env={"EARSHOT_API_KEYS": "open-sesame"}) as guarded:
        page = opened("/", of=guarded)
        page.wait_for_selector("form.key")
        drop(page, rooster, "a.wav")
        assert "API key" in problem_of(page)
        page.fill("#key", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("#key:placeholder-shown, #key:invalid")
        page.fill("#key", "open-sesame")
        page.keyboard.press("Enter")
        assert answer_of(page) == "rooster"
        assert page.locator("form.key").count() == 0
        assert "open-sesame" not in page.inner_text("#curl")


def test_all_can_be_done_by_keyboard(opened: Opened) -> None:
    page = opened("/")
    seen: list[str] = []
    while not seen or seen[-1] not in seen[:-1]:
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        if seen[-1] == "Rooster":
            break
    assert seen[0] == "Skip to the content"
    assert {"Live", "Layers", "Status", "file", "record"} <= set(seen)
    page.keyboard.press("Enter")
    assert answer_of(page) == "rooster"
    while not page.evaluate("document.activeElement.matches('.track')"):
        page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute(".track", "aria-valuetext") == "1.0 of 5.0 seconds"
    page.keyboard.press("End")
    assert page.get_attribute(".track", "aria-valuenow") == "5.0"
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    says(page, ".play", "^Pause")


def test_it_loads_fast(opened: Opened) -> None:
    page = opened("/")
    page.wait_for_load_state("networkidle")
    entry = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
    assert page.evaluate(entry) < INTERACTIVE_MS
    size = "performance.getEntries().reduce((sum, one) => sum + (one.transferSize ?? 0), 0)"
    assert 10_000 < page.evaluate(size) < FIRST_LOAD


@pytest.mark.parametrize("path", ["/", "/live", "/layers", "/status"])
def test_nothing_is_wider_than_a_phone(opened: Opened, path: str) -> None:
    page = opened(path, **PHONE)
    if path == "/":
        page.click("text=Long")
        answer_of(page)
    page.wait_for_load_state("networkidle" if path != "/status" else "load")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_is_dark_where_all_is_dark(opened: Opened) -> None:
    def brightness(scheme: str) -> float:
        page = opened("/", color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour[4:-1].split(",")) / 3

    assert brightness("dark") < 60 < 200 < brightness("light")


def test_what_the_browser_cannot_draw_is_named_all_the_same(opened: Opened, rooster: bytes, tmp_path: Path) -> None:
    samples, rate = soundfile.read(io.BytesIO(rooster))
    file = tmp_path / "rooster.aiff"
    soundfile.write(file, samples, rate)
    page = opened("/")
    page.set_input_files("#file", file)
    assert answer_of(page) == "rooster"
    assert page.locator(".mute").is_visible()
    assert page.locator(".track").is_hidden()
