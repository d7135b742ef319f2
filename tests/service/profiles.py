"""Profiles as `earshot tune` leaves them."""

from datetime import UTC, datetime

from service.profiles import Goal, Place, Profile, Tuning

PLACE = Place(processor="A CPU", cores=2, engine="onnx", version="1.31.1", device="cpu", sha256="ab" * 32)
TUNING = Tuning(replicas=1, threads=2, max_batch=7)
SAID = "by the profile of 2026-11-28, made by earshot tune for throughput with p99 ≤ 30 ms"
"""What is said of it."""


def profile_for(place: Place, tuning: Tuning = TUNING) -> Profile:
    """As it was found on 28 November 2026."""
    return Profile(
        place=place,
        tuning=tuning,
        goal=Goal(name="throughput", p99_ms=30.0),
        figures={"lone p50 ms": 4.5},
        date=datetime(2026, 11, 28, 12, tzinfo=UTC),
        commit="0123456789ab",
        versions={"onnxruntime": place.version},
    )


def keep_profile(place: Place, tuning: Tuning = TUNING) -> None:
    """In the cache of the tests."""
    place.file.parent.mkdir(parents=True, exist_ok=True)
    place.file.write_text(profile_for(place, tuning).model_dump_json(), encoding="utf-8")
