"""Series and tables of a contest whose figures are known."""

from dataclasses import replace

import pytest

from benchmarks.page import shown
from benchmarks.peers.contest import CONNECTIONS, Contest
from benchmarks.peers.figures import AROUND, BEHAVED, LOADED, all_of, glances_at, series_of
from benchmarks.report import show_table
from tests.benchmarks.peers.made_up import CONTEST, POLITE, bout

SERVERS_WITH_A_MODEL = 4


def test_every_figure_of_every_server_is_a_series_of_its_rounds() -> None:
    series = {one.name: one for one in series_of(CONTEST)}
    each = len(CONNECTIONS) * len(LOADED) + len(AROUND)
    assert len(series) == SERVERS_WITH_A_MODEL * each + 2 * len(BEHAVED)
    assert series["small/earshot/32 connections/throughput"].rounds == (97.0, 96.5)
    assert series["small/earshot/32 connections/throughput"].better == "higher"
    assert series["tiny/mosec/1 connections/p50"].rounds == (9.0,)
    assert series["small/mosec/manners/clips for the departed"].rounds == (40.0,)


def test_a_glance_has_a_row_for_each_server() -> None:
    tables = dict(glances_at(CONTEST))
    assert list(tables) == ["small, 32 connections", "tiny, 32 connections", "Manners"]
    server, rate, share, lone, *_ = tables["small, 32 connections"].rows[0]
    assert (server, rate, share, lone) == ("earshot", 96.75, 0.9675, 10.55)
    assert tables["Manners"].rows[1][:3] == ("mosec", 35, 40.0)


def test_a_glance_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for heading, table in glances_at(CONTEST):
        show_table(table, heading)
    assert "…" not in capsys.readouterr().out


def test_every_load_has_a_row() -> None:
    rows = dict(all_of(CONTEST))["Every load: tiny"].rows
    assert [row[:2] for row in rows] == [
        (server, connections) for server in ("earshot", "mosec") for connections in CONNECTIONS
    ]


def test_clips_for_the_departed_are_a_dash_where_they_tell_nothing() -> None:
    fast = replace(POLITE, departed=replace(POLITE.departed, left=3))
    seen = Contest([bout("tiny", "earshot", 1100.0, 1.5, manners) for manners in (fast, POLITE)], {})
    assert dict(glances_at(seen))["Manners"].rows[0][2] == 6.0
    blind = Contest([bout("tiny", "earshot", 1100.0, 1.5, fast)], {})
    assert shown(dict(glances_at(blind))["Manners"].rows[0][2]) == "–"
    assert dict(all_of(blind))["All about manners"].rows[0][-2:] == (3, "0")
