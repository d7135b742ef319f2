"""A manifest for tests, as small as it may be."""

from typing import Any


def smallest_manifest() -> dict[str, Any]:
    """Whole, of a bundle without a file."""
    return {
        "schema_version": "1.0",
        "name": "tiny",
        "version": "1.0.0",
        "created": "2026-11-21T12:00:00Z",
        "commit": "abc",
        "trained_commit": "abc",
        "dataset": "esc10-mini",
        "training_windows": 32,
        "held_out_folds": [1],
        "recipe": {"name": "tiny"},
        "audio": {"sample_rate": 16000, "window_samples": 80000},
        "front_end": {
            "kind": "logmel", "n_fft": 512, "hop": 320, "n_mels": 40, "fmin": 20, "fmax": 8000, "floor_db": -80,
        },
        "model": {"parameters": 1000, "multiply_accumulates": 10_000, "embedding": 32},
        "labels": ["dog", "rain"],
        "calibration": {
            "temperature": 1.2, "reject_below": 0.4, "precision": 0.95, "precision_wanted": 0.95, "coverage": 0.8,
            "windows": 8, "folds": [1],
        },
        "novelty": {"method": "mahalanobis", "threshold": 3.0, "percentile": 95},
        "metrics": {"1": {"windows": 8, "accuracy": 0.75, "loss": 0.7, "ece": 0.1, "ece_calibrated": 0.05}},
        "summary": {
            "accuracy": 0.75, "deviation": 0.0, "ece": 0.1, "ece_calibrated": 0.05, "seed": 0, "commits": ["abc"],
        },
        "parity": {},
        "speed": {"machine": "one", "rounds": 1, "rows": []},
        "files": {},
        "license": {"name": "CC BY 3.0", "commercial_use": True},
    }  # fmt: skip
