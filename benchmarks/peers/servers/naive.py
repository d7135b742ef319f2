"""FastAPI without batching: a call of the engine for each request, in FastAPI's pool of threads."""

from typing import Annotated

from engine import Engine
from fastapi import Body, FastAPI
from fastapi.responses import JSONResponse

app = FastAPI()
model = Engine()


@app.post("/predict", response_model=None)
def predict(body: Annotated[bytes, Body(media_type="audio/wav")]) -> JSONResponse:
    """Name a sound."""
    return JSONResponse(model.hear([body])[0])
