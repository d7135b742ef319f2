"""The newest hop counts, and nobody waits for what nobody will take."""

import asyncio

import numpy as np

from service.stream.lane import Lane
from service.stream.session import Hop
from tests.service.stream.wires import PATIENCE_S


def hop(number: int) -> Hop:
    return Hop(number, 0, 1, np.zeros(1, np.float32))


async def taken(lane: Lane) -> int | None:
    due = await asyncio.wait_for(lane.take(), PATIENCE_S)
    return due.hop.number if due else None


def test_the_newest_takes_the_place_of_what_still_waits() -> None:
    async def scene() -> None:
        skips: list[None] = []
        lane = Lane(lambda: skips.append(None))
        for number in (1, 2, 3):
            lane.put(hop(number))
        assert await taken(lane) == 3
        assert lane.skipped == len(skips) == 2

    asyncio.run(scene())


def test_it_is_free_only_when_the_last_hop_is_done_with() -> None:
    async def scene() -> None:
        lane = Lane()
        lane.put(hop(1))
        assert await taken(lane) == 1
        waiting = asyncio.create_task(lane.free())
        await asyncio.sleep(0)
        assert not waiting.done()
        taking = asyncio.create_task(lane.take())
        await asyncio.wait_for(waiting, PATIENCE_S)
        lane.put(hop(2))
        due = await asyncio.wait_for(taking, PATIENCE_S)
        assert due
        assert due.hop.number == 2
        assert lane.skipped == 0

    asyncio.run(scene())


def test_what_waits_when_it_is_closed_is_taken_or_dropped() -> None:
    async def scene() -> None:
        kept, dropped = Lane(), Lane()
        for lane in (kept, dropped):
            lane.put(hop(1))
        kept.close(drop=False)
        dropped.close(drop=True)
        assert [await taken(kept), await taken(kept), await taken(dropped)] == [1, None, None]
        assert (kept.skipped, dropped.skipped) == (0, 1)

    asyncio.run(scene())


def test_whoever_waits_for_a_hop_is_told_that_none_will_come() -> None:
    async def scene() -> None:
        lane = Lane()
        taking = asyncio.create_task(lane.take())
        await asyncio.sleep(0)
        lane.close(drop=True)
        assert await asyncio.wait_for(taking, PATIENCE_S) is None

    asyncio.run(scene())
