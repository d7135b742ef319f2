"""What the pages compute by themselves, held to numpy and to what the service says."""

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from tests.service.process import Process
from tests.service.web.conftest import Opened

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def page(opened: Opened) -> "Page":
    return opened("/live")


def computed(page: "Page", module: str, code: str, given: object = None) -> Any:  # noqa: ANN401
    """What a line makes of a module `it` and of what it is given."""
    return page.evaluate(f"async (given) => {{ const it = await import('/web/js/{module}'); return {code} }}", given)


def test_spectra_are_those_of_numpy(page: "Page") -> None:
    samples = np.random.default_rng(0).normal(0, 0.2, 1024)
    code = "[...new it.Spectrum(1024).powers(given, 0, new Float64Array(513))]"
    window = np.hanning(1025)[:-1]
    wanted = np.abs(np.fft.rfft(samples * window) * 2 / window.sum()) ** 2
    np.testing.assert_allclose(computed(page, "sound/fft.js", code, samples.tolist()), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("hertz", [200, 1000, 7000])
def test_a_tone_is_at_its_height(page: "Page", hertz: int) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(8192) / 32_000)
    code = "[[...it.spectrogram(given[0], 32000, 1)], it.heightOf(given[1]), it.ROWS]"
    column, height, rows = computed(page, "sound/mel.js", code, [tone.tolist(), hertz])
    assert abs(int(np.argmax(column)) + 0.5 - height * rows) <= 1.5
    assert -8 < max(column) <= 0


def test_a_recording_is_a_wav_file_of_the_same_samples(page: "Page") -> None:
    samples = np.linspace(-1.2, 1.2, 1000)
    code = "[...new Uint8Array(it.wav([given.slice(0, 300), given.slice(300)], 44100))]"
    read, rate = soundfile.read(io.BytesIO(bytes(computed(page, "sound/wav.js", code, samples.tolist()))))
    assert rate == 44_100
    np.testing.assert_allclose(read, np.clip(samples, -1, 1), atol=1e-4)


def test_metrics_are_read_as_the_service_writes_them(page: "Page", server: Process, rooster: bytes) -> None:
    for _ in range(3):
        server.classify(rooster).raise_for_status()
    text = server.client.get("/metrics").text
    code = (
        "(() => { const m = it.parse(given); return [m.sum('earshot_windows_total'), "
        "m.buckets('earshot_stage_seconds', { stage: 'total' }).map(([, n]) => n), m.value('earshot_ready'), "
        "m.value('nothing'), m.all('earshot_engine_info')[0].labels.model, "
        "it.quantile(m.buckets('earshot_stage_seconds', { stage: 'total' }), 0.5)] })()"
    )
    windows, buckets, ready, nothing, model, half = computed(page, "service/metrics.js", code, text)
    assert windows == sum(buckets) >= 3
    assert (ready, nothing, model) == (1, None, "esc10-resnet")
    assert 0 < half < 1


def test_labels_may_hold_anything(page: "Page") -> None:
    text = '# HELP a b\na{x="1,\\"}\\n",y="\\\\"} 2.5e3\na_bucket{le="+Inf"} +Inf\n'
    assert computed(page, "service/metrics.js", "it.parse(given).samples[0]", text) == {
        "name": "a", "labels": {"x": '1,"}\n', "y": "\\"}, "value": 2500,
    }  # fmt: skip


def test_quantiles_lie_within_their_buckets(page: "Page") -> None:
    code = "[0.25, 0.75, 1].map((share) => it.quantile([[1, 2], [2, 2], [Infinity, 0]], share))"
    assert computed(page, "service/metrics.js", code) == [0.5, 1.5, 2]
    assert computed(page, "service/metrics.js", "it.quantile([[1, 0]], 0.5)") is None
    assert computed(page, "service/metrics.js", "it.since([[1, 5], [2, 3]], [[1, 4], [2, 3]])") == [[1, 1], [2, 0]]
