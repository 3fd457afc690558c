"""Dirty files of real writers: what is read from each stands beside it, written down by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from importer.errors import UsageError
from importer.intake import Input, Selection, open_inputs
from importer.model import Lead

FOLDER = Path(__file__).parent / "corpus" / "files"
FILES = sorted(path for path in FOLDER.iterdir() if not path.name.endswith(".expected.json"))


def rows_of(found: Input) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for chunk in found.leads():
        for row, end in chunk:
            rows[str(row.place.row)] = (
                {
                    "customer_id": end.customer_id,
                    "inputs": dict(end.inputs),
                    "remarks": [remark.code for remark in end.notes],
                }
                if isinstance(end, Lead)
                else {"problems": [[problem.code, problem.column] for problem in end.problems]}
            )
    return rows


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_read_as_a_person_would(path: Path) -> None:
    expected = json.loads(path.with_name(f"{path.name}.expected.json").read_text(encoding="utf-8"))
    if "refused" in expected:
        with pytest.raises(UsageError) as refusal:
            open_inputs([str(path)], Selection())
        assert expected["refused"] in str(refusal.value)
        return
    inputs, notices = open_inputs([str(path)], Selection())
    assert [
        {"sheet": found.sheet.name, "header_row": found.sheet.header_row, "rows": rows_of(found)}
        for found in inputs
    ] == expected["sheets"]
    assert len(notices) == len(expected["notices"])
    assert [part for part in expected["notices"] if not any(part in notice for notice in notices)] == []


def test_the_corpus_is_large_in_number_and_small_in_size() -> None:
    assert len(FILES) >= 45
    assert max(path.stat().st_size for path in FILES) < 20_000
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 500_000
