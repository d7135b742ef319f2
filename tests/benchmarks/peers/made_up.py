"""Contests whose every figure is known."""

from dataclasses import replace

from benchmarks.levels import Level
from benchmarks.peers.contest import CONNECTIONS, Bout, Contest
from benchmarks.peers.manners import Company, Crowd, Departed, End, Manners
from benchmarks.raw import RawFigures

RAW = RawFigures(clips_per_s=100.0, engine_ms=10.0, engine_cpu_ms=9.5, decode_ms=0.1)
POLITE = Manners(
    Company(good=75, harmed=0, codes={"ok": 75}, bad={"undecodable_audio": 5}),
    Departed(left=60, each_ms=10.5, clips=6.0, next_ms=20.0, alone_ms=11.0),
    Crowd({"ok": 500, "overloaded": 900}, 96.0, 600.0, 700.0, 900, 2.0, 5.0, 0),
    End(answered=24, codes={"ok": 24}, status=0, ended_s=0.4, listens=False),
)
RUDE = replace(
    POLITE,
    company=Company(good=75, harmed=35, codes={"ok": 40, "status 500": 35}, bad={"status 500": 5}),
    departed=Departed(left=60, each_ms=10.5, clips=40.0, next_ms=700.0, alone_ms=11.0),
    crowd=Crowd({"ok": 500}, 92.0, 4000.0, 5500.0, 0, float("nan"), float("nan"), 0),
)


def level(connections: int, good_per_s: float, p50_ms: float) -> Level:
    return Level(
        name=f"{connections} connections", connections=connections, offered_per_s=None, requests=1000,
        codes={"ok": 1000}, good_per_s=good_per_s, p50_ms=p50_ms, p95_ms=p50_ms, p99_ms=1.1 * p50_ms, raw=RAW,
        server_cpu_ms=10.5, foreign_cores=0.0,
    )  # fmt: skip


def bout(model: str, server: str, good_per_s: float, lone_ms: float, manners: Manners | None = None) -> Bout:
    levels = [level(count, good_per_s, 1000 * count / good_per_s) for count in CONNECTIONS[1:]]
    return Bout(model, server, 0.8, 150.0, (level(1, 90.0, lone_ms), *levels), manners)


CONTEST = Contest(
    [
        bout("small", "earshot", 97.0, 10.6, POLITE),
        bout("small", "mosec", 92.0, 17.5, RUDE),
        bout("small", "earshot", 96.5, 10.5, POLITE),
        bout("tiny", "earshot", 1100.0, 1.5),
        bout("tiny", "mosec", 800.0, 9.0),
    ],
    {"small/mosec": "mosec did not start: it said nothing"},
)
"""mosec failed in the second round with small."""
