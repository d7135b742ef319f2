"""How the tests of the TensorRT engine ask it, and what is right."""

import numpy as np

from service.engines.tensorrt import TensorRTEngine
from tests.contract.fake_tensorrt import SAMPLES, answers

MOST = 6
SIZES = (1, 2, 4, 6)


def assert_right(engine: TensorRTEngine, count: int) -> None:
    """Whatever lies behind the rows that count."""
    waves = np.random.default_rng(count).integers(-9, 9, (count, SAMPLES)).astype(np.float32)
    engine.staging[:] = np.nan
    engine.staging[:count] = waves
    outputs = engine.infer(count)
    wanted = answers(waves)
    np.testing.assert_array_equal(outputs.logits, wanted["logits"])
    assert outputs.embedding is not None
    np.testing.assert_array_equal(outputs.embedding, wanted["embedding"])


def life(engine: TensorRTEngine) -> None:
    engine.load()
    engine.warm_up()
    assert_right(engine, 2)
