"""Ray Serve: one replica that batches, behind Ray's own HTTP proxy."""

import signal
import sys
import threading

import ray
from engine import MAX_BATCH, MAX_WAIT_S, Answer, Engine
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=512, ray_actor_options={"num_cpus": 1})
class Classifier:
    """The replica."""

    def __init__(self) -> None:
        self.engine = Engine()

    @serve.batch(max_batch_size=MAX_BATCH, batch_wait_timeout_s=MAX_WAIT_S)
    async def classify(self, bodies: list[bytes]) -> list[Answer]:
        """What came together."""
        return self.engine.hear(bodies)

    async def __call__(self, request: Request) -> Answer:
        return await self.classify(await request.body())


if __name__ == "__main__":
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, object_store_memory=200 * 2**20)
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[1])},
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
    )
    serve.run(Classifier.bind(), route_prefix="/predict")
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ended.wait()
    serve.shutdown()
    ray.shutdown()
