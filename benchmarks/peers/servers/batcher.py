"""A plain work-conserving batcher on FastAPI: what waited while the engine was busy is its next batch."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from engine import MAX_BATCH, Answer, Engine
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

Waiting = tuple[bytes, asyncio.Future[Answer]]

model = Engine()
worker = ThreadPoolExecutor(1)
queue: asyncio.Queue[Waiting] = asyncio.Queue()


async def collect() -> None:
    """Batch after batch, for ever."""
    while True:
        batch = [await queue.get()]
        while not queue.empty() and len(batch) < MAX_BATCH:
            batch.append(queue.get_nowait())
        await answer(batch)


async def answer(batch: list[Waiting]) -> None:
    """A batch that fails fails all that are in it."""
    bodies, futures = zip(*batch, strict=True)
    try:
        answers = await asyncio.get_running_loop().run_in_executor(worker, model.hear, bodies)
    except Exception as error:  # noqa: BLE001  (whatever it is, the next batch must come)
        for future in futures:
            future.set_exception(error)
    else:
        for future, found in zip(futures, answers, strict=True):
            future.set_result(found)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Collect for as long as the app lives."""
    task = asyncio.create_task(collect())
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/predict", response_model=None)
async def predict(request: Request) -> JSONResponse:
    """Name a sound."""
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    queue.put_nowait((await request.body(), future))
    return JSONResponse(await future)
