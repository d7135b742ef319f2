"""The one piece of work that every peer does: a WAV file's bytes, a waveform, scores, the five best as JSON.

Programs beside this file import it, each in an environment of its own; so it knows nothing of Earshot. What runs is
said by the environment: PEER_MODEL, PEER_LABELS (a JSON list), PEER_SAMPLES, PEER_MAX_BATCH, PEER_THREADS.
"""

import io
import json
import os
from collections.abc import Sequence

import numpy as np
import onnxruntime
import soundfile

MAX_BATCH = int(os.environ["PEER_MAX_BATCH"])
MAX_WAIT_S = 0.005
"""For servers that wait until a batch is full."""

BEST = 5
SAMPLES = int(os.environ["PEER_SAMPLES"])
LABELS: list[str] = json.loads(os.environ["PEER_LABELS"])

Answer = dict[str, list[dict[str, str | float]]]


def decode(body: bytes) -> np.ndarray:
    """Mono, padded or cut."""
    waveform, _ = soundfile.read(io.BytesIO(body), dtype="float32", always_2d=True)
    mono = waveform.mean(axis=1) if waveform.shape[1] > 1 else waveform[:, 0]
    return mono[:SAMPLES] if len(mono) >= SAMPLES else np.pad(mono, (0, SAMPLES - len(mono)))


class Engine:
    """ONNX Runtime on the CPU."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["PEER_THREADS"])
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["PEER_MODEL"], options)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    def classify(self, waveforms: Sequence[np.ndarray]) -> list[Answer]:
        """An answer for each."""
        logits = self._session.run([self._output], {self._input: np.stack(waveforms)})[0]
        return [_best(row) for row in logits]

    def hear(self, bodies: Sequence[bytes]) -> list[Answer]:
        """The same from what was sent."""
        return self.classify([decode(body) for body in bodies])


def _best(logits: np.ndarray) -> Answer:
    scores = np.exp(logits - logits.max())
    scores /= scores.sum()
    order = np.argsort(-scores)[:BEST]
    return {"predictions": [{"label": LABELS[i], "confidence": float(scores[i])} for i in order]}
