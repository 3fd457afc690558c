"""The oracle finds every promise broken that is broken, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from importer.ledger import LeadState
from tests.proof.oracle import (
    Created,
    Evidence,
    InputRow,
    KnownLead,
    Promise,
    ResultLine,
    assert_kept,
    violations,
)

A, B, C = b"lead a", b"lead b", b"lead c"

NOTHING = dict.fromkeys(
    ("existing", "duplicate", "invalid", "rejected", "failed", "in_doubt", "not_attempted"), 0
)
SUMMARY: Mapping[str, object] = (
    NOTHING
    | {"read": 5, "created": 1, "in_doubt": 1, "rejected": 1}
    | {
        "duplicate": 1,
        "invalid": 1,
    }
)

SOUND = Evidence(
    leads=[
        KnownLead(A, LeadState.CREATED, "1"),
        KnownLead(B, LeadState.IN_DOUBT),
        KnownLead(C, LeadState.REJECTED),
    ],
    applications=[Created(A, "1"), Created(B, "2")],
    rows=[InputRow("f", row, key) for row, key in enumerate((A, B, C, A, None), 2)],
    results=[
        ResultLine("f", 2, "created", "1"),
        ResultLine("f", 3, "in_doubt"),
        ResultLine("f", 4, "rejected"),
        ResultLine("f", 5, "duplicate", "1"),
        ResultLine("f", 6, "invalid"),
    ],
    summary=SUMMARY,
)

SETTLED = Evidence(
    leads=[KnownLead(A, LeadState.CREATED, "1")],
    applications=[Created(A, "1")],
    rows=[InputRow("f", 2, A), InputRow("f", 3, None)],
    settled=True,
)


def promises(evidence: Evidence) -> set[Promise]:
    return {violation.promise for violation in violations(evidence)}


@pytest.mark.parametrize("evidence", [SOUND, SETTLED, Evidence(leads=[], applications=[])])
def test_what_was_kept_is_not_complained_about(evidence: Evidence) -> None:
    assert_kept(evidence)


def ledger(state: LeadState, application_id: str = "") -> dict[str, Any]:
    return {"leads": [SOUND.leads[0], KnownLead(B, state, application_id), SOUND.leads[2]]}


def result(row: int, outcome: str, application_id: str = "") -> dict[str, Any]:
    assert SOUND.results is not None
    lines = [*SOUND.results]
    lines[row - 2] = ResultLine("f", row, outcome, application_id)
    return {"results": lines, "summary": None}


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({"applications": [*SOUND.applications, Created(A, "3")]}, {Promise.ONCE}),
        ({"applications": [*SOUND.applications, Created(B, "3")]}, {Promise.ONCE}),
        ({"applications": SOUND.applications[1:]}, {Promise.CREATED_EXISTS, Promise.RESULTS_AGREE}),
        (ledger(LeadState.CREATED, "1") | {"results": None, "summary": None}, {Promise.CREATED_EXISTS}),
        (ledger(LeadState.CREATED) | {"results": None, "summary": None}, {Promise.CREATED_EXISTS}),
        ({"applications": [*SOUND.applications, Created(b"unknown", "3")]}, {Promise.KNOWN}),
        *(
            (ledger(state) | {"results": None, "summary": None}, {Promise.KNOWN})
            for state in (LeadState.PENDING, LeadState.REJECTED, LeadState.FAILED, LeadState.NOT_CREATED)
        ),
        ({"rows": SOUND.rows[1:], "summary": None}, {Promise.NOTHING_LOST}),
        ({"rows": [*SOUND.rows, InputRow("f", 7, b"new")], "summary": None}, {Promise.NOTHING_LOST}),
        (result(2, "created", "2"), {Promise.RESULTS_AGREE}),
        (result(2, "created"), {Promise.RESULTS_AGREE}),
        (result(2, "in_doubt"), {Promise.RESULTS_AGREE}),
        (result(3, "existing", "2"), {Promise.RESULTS_AGREE}),
        (result(3, "failed"), {Promise.RESULTS_AGREE}),
        (result(3, "not_attempted"), {Promise.RESULTS_AGREE}),
        (result(4, "duplicate"), {Promise.RESULTS_AGREE}),
        (result(5, "duplicate", "2"), {Promise.RESULTS_AGREE}),
        (result(4, "invalid"), {Promise.RESULTS_AGREE}),
        ({"summary": {**SUMMARY, "rejected": 0}}, {Promise.TOTALS_ADD_UP}),
        ({"summary": {**SUMMARY, "read": 4, "rejected": 0}}, {Promise.TOTALS_ADD_UP}),
        ({"summary": {**SUMMARY, "rejected": 0, "failed": 1}}, {Promise.TOTALS_ADD_UP}),
    ],
)
def test_a_broken_promise_is_found(change: dict[str, Any], broken: set[Promise]) -> None:
    assert promises(replace(SOUND, **change)) == broken


@pytest.mark.parametrize(
    "change",
    [
        {"leads": [KnownLead(A, LeadState.IN_DOUBT)]},
        {"leads": [KnownLead(A, LeadState.PENDING)], "applications": []},
        {"leads": [], "applications": []},
    ],
)
def test_a_lead_that_is_not_created_in_the_end_is_lost(change: dict[str, Any]) -> None:
    assert Promise.NOTHING_LOST in promises(replace(SETTLED, **change))


def test_a_violation_says_which_promise_and_which_lead() -> None:
    with pytest.raises(AssertionError, match="at most one application for each lead: lead 6c656164 has 2"):
        assert_kept(
            Evidence(
                leads=[KnownLead(A, LeadState.CREATED, "1")], applications=[Created(A, "1"), Created(A, "2")]
            )
        )
