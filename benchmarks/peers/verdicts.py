"""What is promised of Earshot beside its peers, each figure from the same run as what it is compared with."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from statistics import median

from benchmarks.levels import Level
from benchmarks.peers.contest import FULL, FULLER, LONE, Bout, Contest
from benchmarks.peers.contestants import OURS
from benchmarks.peers.manners import IN_FLIGHT, Departed, Manners
from benchmarks.peers.shared import MAX_BATCH
from benchmarks.promises import REFUSAL_MS, median_of
from benchmarks.targets import Line

SHARE = {"small": 0.96}
"""Of the bare engine, with 32 connections."""
ADDED_MS = {"small": 0.7}
"""That a lone request may take beyond the bare engine, decoding and all."""
LONE_MS = {"tiny": 1.6}
RIVAL = "mosec"
"""The fastest of those that anybody can install."""
TIMES = {"tiny": 1.3}
"""Model by model, the throughput of Earshot over that of its rival, both with 32 connections in the same round."""
STEADINESS = 1.15
"""Between the 99th percentile and the median under full load."""
DEPARTED = MAX_BATCH
"""Clips that may be computed for clients who have gone: those that the engine is at when they go."""


def judged(contest: Contest) -> list[Line]:
    """Medians over the rounds; errors and harm are added up. What lacks what it is judged by says so."""
    lines: list[Line] = []
    for model in contest.models:
        if bouts := contest.of(model, OURS):
            lines += [*_full(model, bouts), *_rival(model, bouts, contest.of(model, RIVAL)), *_lone(model, bouts)]
            lines += _manners([bout.manners for bout in bouts if bout.manners])
    return lines


def _full(model: str, bouts: Sequence[Bout]) -> Iterator[Line]:
    at = [bout.level(FULL) for bout in bouts]
    rate, raw = median_of(at, lambda level: level.good_per_s), median_of(at, lambda level: level.raw.clips_per_s)
    share = median_of(at, lambda level: level.share_of_engine)
    foreign = median_of(at, lambda level: level.foreign_cores)
    yield Line(
        f"{model}: share of the bare engine, {FULL} connections", share, at_least=SHARE.get(model),
        note=f"{rate:.1f}/s of {raw:.1f}/s; others used {100 * foreign:.0f} % of a core",
    )  # fmt: skip
    for connections in (FULL, FULLER):
        at = [bout.level(connections) for bout in bouts]
        p50, p99 = median_of(at, lambda level: level.p50_ms), median_of(at, lambda level: level.p99_ms)
        steady = median_of(at, lambda level: level.p99_ms / level.p50_ms)
        note = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        yield Line(f"{model}: p99 / p50, {connections} connections", steady, at_most=STEADINESS, note=note)
    levels = [level for bout in bouts for level in bout.levels]
    asked = sum(level.requests for level in levels)
    yield Line(f"{model}: errors", sum(level.errors for level in levels), at_most=0, note=f"of {asked} requests")


def _rival(model: str, bouts: Sequence[Bout], theirs: Sequence[Bout]) -> Iterator[Line]:
    what, least = f"{model}: times the throughput of {RIVAL}, {FULL} connections", TIMES.get(model)
    mine, other = ([bout.level(FULL).good_per_s for bout in side] for side in (bouts, theirs))
    if other:
        times = median(one / two for one, two in zip(mine, other, strict=False))
        yield Line(what, times, at_least=least, note=f"{median(mine):.1f}/s and {median(other):.1f}/s")
    elif least is not None:
        yield Line(what, math.nan, at_least=least, note=f"{RIVAL} was not measured", is_open=True)


def _lone(model: str, bouts: Sequence[Bout]) -> Iterator[Line]:
    of = partial(median_of, [bout.level(LONE) for bout in bouts])
    p50, engine, decode = of(lambda level: level.p50_ms), of(_engine_ms), of(lambda level: level.raw.decode_ms)
    added = of(lambda level: level.p50_ms - _engine_ms(level))
    note = f"engine {engine:.2f} ms, decoding {decode:.2f} ms"
    yield Line(f"{model}: lone p50", p50, "ms", at_most=LONE_MS.get(model), note=note)
    yield Line(f"{model}: lone p50 beyond the bare engine", added, "ms", at_most=ADDED_MS.get(model))


def _manners(found: Sequence[Manners]) -> Iterator[Line]:
    if not found:
        return
    good = sum(one.company.good for one in found)
    yield Line(
        "manners: good requests harmed by a bad one", sum(one.company.harmed for one in found), at_most=0,
        note=f"of {good}",
    )  # fmt: skip
    yield _departed([one.departed for one in found])
    yield from _crowd(found)
    ends = [one.end for one in found]
    unclean = sum(end.status != 0 or end.listens for end in ends)
    answered = min(end.answered for end in ends)
    yield Line("SIGTERM: answered of those in flight", answered, at_least=IN_FLIGHT, note=f"of {IN_FLIGHT}")
    yield Line("SIGTERM: ends that were not clean", unclean, at_most=0, note=f"of {len(ends)}")


def _departed(found: Sequence[Departed]) -> Line:
    what = "manners: clips for the departed"
    telling = [one for one in found if one.is_telling]
    if not telling:
        return Line(what, math.nan, at_most=DEPARTED, note="the model is too fast for it", is_open=True)
    of = partial(median_of, telling)
    left, next_ms = of(lambda one: one.left), of(lambda one: one.next_ms)
    note = f"of {left:.0f} that waited; the next client waited {next_ms:.0f} ms"
    return Line(what, of(lambda one: one.clips), at_most=DEPARTED, note=note)


def _crowd(found: Sequence[Manners]) -> Iterator[Line]:
    of = partial(median_of, [one.crowd for one in found])
    refused = sum(one.crowd.refused for one in found)
    served = (
        f"{of(lambda crowd: crowd.served_per_s):.1f}/s served with p50 {of(lambda crowd: crowd.served_p50_ms):.0f} ms"
    )
    soon = f"p50 {of(lambda crowd: crowd.refused_p50_ms):.1f} ms"
    yield Line("crowd: refused with 429", refused, at_least=1, note=served)
    yield Line("crowd: refused within, p99", of(lambda crowd: crowd.refused_p99_ms), "ms", REFUSAL_MS, note=soon)
    yield Line("crowd: neither served nor refused", sum(one.crowd.failed for one in found), at_most=0)


def _engine_ms(level: Level) -> float:
    return level.raw.engine_ms
