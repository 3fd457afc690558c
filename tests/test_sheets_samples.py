"""The sample files: made anew they come out the same, and every lead in them is what it should be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from importer.mapping import choose_mapping
from importer.model import InvalidRow, Lead
from importer.sheets import open_sheets
from importer.templates import shipped_templates
from tests import make_sample_data
from tests.make_sample_data import COLUMNS, FIRST_LEAD, FOLDER, ROWS


def leads_of(path: Path) -> Iterator[tuple[Lead | InvalidRow, tuple[str, ...]]]:
    for sheet in open_sheets(str(path)):
        mapping = choose_mapping(path.name, sheet.headers, shipped_templates().values())
        for chunk in sheet.chunks():
            for row in chunk:
                yield mapping.lead(row), row.cells


@pytest.mark.parametrize("template", COLUMNS)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_every_lead_of_a_template_is_valid_and_its_customer_id_is_its_own(template: str, kind: str) -> None:
    found = [lead for lead, _ in leads_of(FOLDER / f"template-{template}.{kind}")]
    assert all(isinstance(lead, Lead) for lead in found)
    assert len({lead.customer_id for lead in found}) == len(found) == ROWS[template]
    assert {len(lead.customer_id) for lead in found} >= {4, 18}


def test_the_first_lead_is_the_example_of_the_documentation() -> None:
    lead, cells = next(leads_of(FOLDER / "template-1.csv"))
    assert cells == FIRST_LEAD
    assert isinstance(lead, Lead)


def test_every_bad_row_has_the_problem_that_its_note_names() -> None:
    seen: dict[str, str] = {}
    for lead, cells in leads_of(FOLDER / "every-kind-of-bad-row.csv"):
        codes = {problem.code for problem in lead.problems} if isinstance(lead, InvalidRow) else set()
        if codes & {"too_many_cells", "stray_quote"}:
            # The note of such a row is not where it should be, which is what is wrong with it.
            assert len(codes) == 1
        else:
            word = cells[-1].partition(":")[0]
            assert codes == (set() if word in {"good", "duplicate"} else {word})
        seen.update(dict.fromkeys(codes, lead.customer_id))
    assert set(seen) == {
        "missing",
        "letters_in_phone",
        "bad_phone",
        "lost_digits",
        "bad_customer_id",
        "too_many_cells",
        "stray_quote",
        "two_phones",
        "ambiguous_phone",
    }


def test_the_sample_files_are_those_that_the_script_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_sample_data, "FOLDER", tmp_path / "again")
    make_sample_data.main()
    again = {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    assert len(again) == 7
    assert again == {name: (FOLDER / name).read_bytes() for name in again}
