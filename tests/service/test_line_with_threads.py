"""The line between many threads: whatever they do at once, every job ends once and with its own answer."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from service.jobs import End, EngineFailure, Job, Ticket
from service.line import Line, LineFull
from tests.service.batching import nervous_threads
from tests.service.engines.fakes import PATIENCE_S, window

JOBS = 600
"""Of each thread that submits."""


def serve(line: Line, seed: int) -> None:
    """Take and answer, and now and then fail, die, or die and answer all the same."""
    dice = np.random.default_rng(seed)
    while (tickets := line.take(int(dice.integers(1, 6)), int(dice.integers(1, 5)), wait=None)) is not None:
        tickets.sort(key=lambda _: dice.random())
        luck = dice.random()
        if luck < 0.05:
            line.fail(tickets, EngineFailure("so"))
        elif luck < 0.2:
            line.put_back(tickets)
        if luck > 0.1:
            line.answer(tickets, [answer_to(ticket) for ticket in tickets], len(tickets))


def answer_to(ticket: Ticket) -> float:
    return float(ticket.window[0])


def submit(line: Line, seed: int) -> list[Job]:
    """Submit, and now and then take back what was submitted before."""
    dice = np.random.default_rng(seed)
    jobs: list[Job] = []
    for _ in range(JOBS):
        windows = [window(float(seed * JOBS + len(jobs))) for _ in range(dice.integers(1, 7))]
        one = Job(list(windows), time.monotonic() + dice.choice([0.0, 0.002, 60.0, 60.0]))
        while not admitted(line, one):
            time.sleep(0)
        jobs.append(one)
        luck = dice.random()
        if luck < 0.1:
            (line.cancel if luck < 0.05 else line.expire)(jobs[dice.integers(max(0, len(jobs) - 4), len(jobs))])
    return jobs


def admitted(line: Line, job: Job) -> bool:
    try:
        line.submit(job)
    except LineFull:
        return False
    return True


def test_every_job_ends_once_and_with_its_own_answer() -> None:
    told: Counter[Job] = Counter()
    line = Line(20, told.update)
    with nervous_threads(), ThreadPoolExecutor(8) as pool:
        servers = [pool.submit(serve, line, seed) for seed in range(4)]
        submitters = [pool.submit(submit, line, seed) for seed in range(4, 8)]
        jobs = {seed: submitter.result(PATIENCE_S) for seed, submitter in enumerate(submitters, 4)}
        line.close()
        assert line.wait_until_over(PATIENCE_S)
        assert [server.result(PATIENCE_S) for server in servers] == [None] * 4

    everyone = [job for each in jobs.values() for job in each]
    assert line.ends == Counter(job.end for job in everyone)
    assert all(line.ends.values()), "every kind of end has been tried"
    assert told == Counter(everyone), "each is announced once"
    assert (line.waiting, line.unfinished, line.oldest_age()) == (0, 0, 0.0)
    for seed, each in jobs.items():
        for number, job in enumerate(each):
            assert not job.windows
            if job.end is End.ANSWERED:
                assert set(job.rows) == {float(seed * JOBS + number)}
