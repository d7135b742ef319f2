"""Examples for the OpenAPI document: answers as the shipped model gives them, and what may be asked for."""

from typing import Any

from service.schemas import (
    AudioFacts,
    AudioWanted,
    Classification,
    EngineUsed,
    Health,
    ModelFacts,
    ModelUsed,
    Novelty,
    Prediction,
    Reloaded,
    Stretch,
    Thresholds,
    Timings,
)

_SHA256 = "164d06f8d34d6be691e75af412b5afb923438f7e2d0076973c0deec3f9356b43"
_BEST = [
    Prediction(label="rooster", index=1, confidence=0.994259),
    Prediction(label="dog", index=0, confidence=0.004806),
]

CLASSIFICATION = Classification(
    predictions=_BEST,
    uncertain=False,
    novelty=Novelty(score=0.97804, threshold=1.6622, unlike_training=False),
    timeline=[
        Stretch(start_s=0.0, end_s=5.0, predictions=_BEST, uncertain=False, novelty=0.9713),
        Stretch(start_s=2.5, end_s=7.5, predictions=_BEST, uncertain=False, novelty=0.98478),
    ],
    audio=AudioFacts(format="WAV", codec="PCM_16", sample_rate=44_100, channels=2, duration_s=7.5, windows=2),
    timings=Timings(decode_ms=1.314, queue_ms=0.207, engine_ms=4.126, total_ms=6.37, batch_size=2),
    model=ModelUsed(name="esc10-resnet", version="1.0.0", sha256=_SHA256, engine="onnx", precision="int8"),
    request_id="38d1a1576fec0551",
)

MODEL = ModelFacts(
    name="esc10-resnet",
    version="1.0.0",
    labels=["dog", "rooster", "rain"],
    audio=AudioWanted(sample_rate=32_000, window_samples=160_000, window_s=5.0),
    calibration=Thresholds(temperature=0.6304, reject_below=0.558, novelty=1.6622),
    engine=EngineUsed(
        name="onnx",
        version="1.31.1",
        precision="int8",
        device="cpu",
        graph="model.int8.onnx",
        sha256=_SHA256,
        replicas=2,
        max_batch=8,
        chosen_because="the fastest that works here",
    ),
    accuracy=0.9275,
    license="CC BY 3.0",
    commercial_use=True,
    attribution="ESC-10, the subset of ESC-50 under CC BY 3.0",
)

ALIVE = Health(status="alive")
READY = Health(status="ready")
RELOADED = Reloaded(name="esc10-resnet", version="1.0.1", sha256=_SHA256)

METRICS = """# HELP earshot_ready Whether requests are taken
# TYPE earshot_ready gauge
earshot_ready 1.0
"""

SMALLEST_WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQIAAAAAAA=="
"""One sample, in base64."""

_ASKED = {
    "top_k": 3, "hop_s": 2.5, "timeout_ms": 500, "labels": "dog,rooster", "layers": "layer3.*,head", "format": "json",
    "max_channels": 8, "max_side": 32, "heat": "rooster", "window": 0,
}  # fmt: skip


def answer(example: Any) -> dict[int | str, dict[str, Any]]:  # noqa: ANN401
    """A route's answer, if all is well."""
    return {200: {"content": {"application/json": {"example": example}}}}


def given(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same parameters, each with a value that it may have."""
    return [parameter | {"example": _ASKED[parameter["name"]]} for parameter in parameters]
