"""LitServe: dynamic batching in one worker process.

It reads bodies as JSON or forms; a parameter typed as a body of FastAPI's makes it hand over the bytes.
"""

import sys
from typing import Annotated

import litserve
import numpy as np
from engine import MAX_BATCH, MAX_WAIT_S, Answer, Engine, decode
from fastapi import Body


class Classifier(litserve.LitAPI):
    """The steps of a request, as LitServe wants them."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """In the worker."""
        self.engine = Engine()

    def decode_request(self, request: Annotated[bytes, Body(media_type="audio/wav")]) -> np.ndarray:
        """Of one request, in the worker too."""
        return decode(request)

    def batch(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """Leave the stacking to the engine."""
        return inputs

    def predict(self, x: list[np.ndarray]) -> list[Answer]:
        """A batch."""
        return self.engine.classify(x)

    def unbatch(self, output: list[Answer]) -> list[Answer]:
        """They are apart already."""
        return output

    def encode_response(self, output: Answer) -> Answer:
        """It is JSON already."""
        return output


if __name__ == "__main__":
    api = Classifier(max_batch_size=MAX_BATCH, batch_timeout=MAX_WAIT_S)
    server = litserve.LitServer(api, accelerator="cpu", timeout=120, track_requests=False, fast_queue=True)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning", access_log=False
    )
