"""mosec: a front in Rust, one worker process in Python, dynamic batching."""

import json

import numpy as np
from engine import MAX_BATCH, MAX_WAIT_S, Answer, Engine, decode
from mosec import Server, Worker


class Classifier(Worker):
    """The steps of a request, as mosec wants them."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine()

    def deserialize(self, data: bytes) -> np.ndarray:
        """Of one request."""
        return decode(bytes(data))

    def serialize(self, data: Answer) -> bytes:
        """Of one answer."""
        return json.dumps(data).encode()

    def forward(self, data: list[np.ndarray]) -> list[Answer]:
        """A batch."""
        return self.engine.classify(data)


if __name__ == "__main__":
    server = Server()
    server.append_worker(Classifier, num=1, max_batch_size=MAX_BATCH, max_wait_time=round(1000 * MAX_WAIT_S))
    server.run()
