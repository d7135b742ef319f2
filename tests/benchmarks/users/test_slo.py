"""Answers are counted by kind of user, and promises are judged by them."""

import json
import math

from benchmarks.kept import without_nan
from benchmarks.users.slo import CLASSIFY, DEBUG, REFUSED, STREAM, Ledger, Slo, are_held, as_json, sentence


def ledger_of(right: int = 99, refused: int = 0, failed: int = 0, kind: str = CLASSIFY) -> Ledger:
    ledger = Ledger()
    for turn in range(right):
        ledger.heard(request_type=kind, name="raw WAV", response_time=turn + 1.0, exception=None, response_length=1)
    for _ in range(refused):
        ledger.heard(request_type=kind, name=REFUSED, response_time=1.0)
    for _ in range(failed):
        ledger.heard(request_type=kind, name="raw WAV", response_time=5000.0, exception=RuntimeError("wrong"))
    return ledger


def test_a_refusal_is_neither_an_answer_nor_an_error() -> None:
    answers = ledger_of(right=9, refused=3, failed=1).kinds[CLASSIFY]
    assert (answers.asked, len(answers.right_ms), answers.refused) == (13, 9, 3)
    assert answers.failed == {"wrong": 1}
    assert answers.percentile(100) == 9.0
    assert "9 right of 13, 3 refused, 1 failed (1 × wrong)" in str(answers)


def test_a_refusal_is_an_error_where_it_is_told_as_one() -> None:
    ledger = Ledger()
    ledger.heard(request_type=CLASSIFY, name=REFUSED, response_time=1.0, exception=RuntimeError("overloaded"))
    assert ledger.kinds[CLASSIFY].failed == {"overloaded": 1}


def test_promises_are_kept_up_to_their_very_bound() -> None:
    kinds = ledger_of(right=99, failed=1).kinds
    p99 = kinds[CLASSIFY].percentile(99)
    assert are_held(Slo(p99, 1.0).judged(kinds))
    assert not are_held(Slo(math.nextafter(p99, 0), None).judged(kinds))
    assert not are_held(Slo(None, 0.99).judged(kinds))
    assert Slo().judged(kinds) == []
    assert not Slo().is_asked
    assert Slo(error_percent=0).is_asked


def test_who_looks_inside_may_wait() -> None:
    ledger = ledger_of()
    ledger.add(ledger_of(kind=DEBUG).handed_over())
    ledger.add(ledger_of(kind=STREAM).handed_over())
    assert [line.what for line in Slo(1.0, 0).judged(ledger.kinds)] == ["classify: p99", "stream: p99", "errors"]


def test_a_load_without_answers_keeps_no_promise() -> None:
    lines = Slo(1000.0, 100.0).judged({})
    assert len(lines) == 2
    assert not any(are_held([line]) for line in lines)


def test_what_workers_hand_over_is_added_up() -> None:
    first, second, sum_ = ledger_of(2, 1, 1), ledger_of(3, 0, 2), Ledger()
    for worker in (first, second, first):
        sum_.add(json.loads(json.dumps(worker.handed_over())))
    answers = sum_.kinds[CLASSIFY]
    assert (len(answers.right_ms), answers.refused, answers.failed) == (5, 1, {"wrong": 3})
    assert first.kinds == {}


def test_a_verdict_is_a_sentence_and_an_entry() -> None:
    kinds = ledger_of(right=1, failed=3).kinds
    lines = Slo(0.5, 50).judged(kinds)
    assert [sentence(line) for line in lines] == [
        "SLO MISSED: classify: p99 1 ms, promised ≤ 0.5 ms (of 1 right answers)",
        "SLO MISSED: errors 75 %, promised ≤ 50 % (3 of 4 requests)",
    ]
    content = json.loads(json.dumps(without_nan(as_json(kinds, lines)), allow_nan=False))
    assert content["kinds"]["classify"]["failed"] == {"wrong": 3}
    assert [one["verdict"] for one in content["slo"]] == ["missed", "missed"]
