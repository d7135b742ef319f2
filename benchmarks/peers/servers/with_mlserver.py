"""MLServer: a runtime of one's own with adaptive batching, behind a route that takes bytes."""

import asyncio
import json
import sys

from engine import MAX_BATCH, MAX_WAIT_S, Engine
from fastapi import Request, Response
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.context import model_context
from mlserver.handlers import custom_handler
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput, ResponseOutput


class Classifier(MLModel):
    """The runtime."""

    async def load(self) -> bool:
        """Once."""
        self.engine = Engine()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """A batch, which MLServer has put into one request."""
        found = [json.dumps(answer).encode() for answer in self.engine.hear(list(payload.inputs[0].data.root))]
        answers = ResponseOutput(name="json", datatype="BYTES", shape=[len(found), 1], data=found)
        return InferenceResponse(model_name=self.name, outputs=[answers])

    @custom_handler(rest_path="/predict")
    async def classify(self, request: Request) -> Response:
        """Name a sound: MLServer's own routes take JSON."""
        sound = RequestInput(name="audio", datatype="BYTES", shape=[1, 1], data=[await request.body()])
        with model_context(self.settings):  # the batcher counts what it does, model by model
            answer = await self.predict(InferenceRequest(inputs=[sound]))
        return Response(bytes(answer.outputs[0].data.root[0]), media_type="application/json")


if __name__ == "__main__":
    http, grpc, metrics = map(int, sys.argv[1:])
    settings = Settings(
        host="127.0.0.1", http_port=http, grpc_port=grpc, metrics_port=metrics, parallel_workers=0, debug=False
    )
    model = ModelSettings(name="clip", implementation=Classifier, max_batch_size=MAX_BATCH, max_batch_time=MAX_WAIT_S)
    asyncio.run(MLServer(settings).start([model]))
