"""Leads from memory: the keys are headers, the values are cells, and the rules are those of a sheet."""

from __future__ import annotations

import datetime
import math
import uuid
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.errors import MappingError, TemplateError, UsageError
from importer.intake import Input, Selection, open_inputs
from importer.library.leads import open_leads, text_of
from importer.model import InvalidRow, Lead, NumberText
from importer.sources import is_of_program, program_source
from tests.support import HEADERS, write_leads

JOHN = {"customer_id": "1333", "name": "John", "phone": "0901234433", "address": "101 Nguyen Van Cu"}

LOAN = """
title = "Loan"
fields = [
  "name",
  { name = "income", title = "Thu nhập", type = "number" },
  { name = "agrees", title = "Đồng ý", type = "boolean", default = false },
  { name = "source", constant = "crm" },
  { name = "address", type = "object", required = false, fields = [
    { name = "city", title = "Tỉnh" },
    { name = "street", title = "Đường", required = false },
  ] },
]
"""


@pytest.fixture
def loan(tmp_path: Path) -> Selection:
    path = tmp_path / "loan.toml"
    path.write_text(LOAN, encoding="utf-8")
    return Selection(template=str(path))


def opened(*chunks: list[Mapping[str, object]], selection: Selection | None = None) -> Input:
    """Open leads that come in these chunks."""
    coming = iter([*chunks, []])
    return open_leads("leads:crm", lambda: next(coming), selection or Selection(template="1"))


def leads_of(found: Input) -> list[Lead | InvalidRow]:
    return [lead for chunk in found.leads() for _, lead in chunk]


def only(lead: Mapping[str, object], selection: Selection | None = None) -> Lead:
    (found,) = leads_of(opened([lead], selection=selection))
    assert isinstance(found, Lead), found
    return found


def problems_of(*leads: Mapping[str, object], selection: Selection | None = None) -> list[tuple[str, str]]:
    """Return the code and the column of each problem of the last of `leads`."""
    *_, found = leads_of(opened(list(leads), selection=selection))
    return [(problem.code, problem.column) for problem in getattr(found, "problems", ())]


# Keys


def test_the_names_of_the_fields_are_keys_and_rows_are_counted_from_one() -> None:
    first, second = leads_of(opened([JOHN], [{**JOHN, "customer_id": "1334"}]))
    assert isinstance(first, Lead)
    assert (str(first.place), first.customer_id) == ("leads:crm, row 1", "1333")
    assert first.inputs == {name: JOHN[name] for name in ("name", "phone", "address")}
    assert (second.place.row, second.customer_id) == (2, "1334")


def test_keys_are_matched_as_headers_are() -> None:
    lead = {"Mã KH": "1", "Họ tên": "An", "SĐT": "0901234567", "địa  chỉ": "Huế", "Ghi chú": "x"}
    assert only(lead, Selection()).inputs == {"name": "An", "phone": "0901234567", "address": "Huế"}
    assert only({**JOHN, "other": "0907654321"}, Selection(columns={"phone": "other"})).inputs["phone"] == (
        "0907654321"
    )


@pytest.mark.parametrize(
    ("lead", "selection", "told"),
    [
        ({"customer_id": "1", "name": "An"}, Selection(), "leads:crm: no column for"),
        ({}, Selection(), "leads:crm: no column for"),
        ({**JOHN, "email": "a@b.vn"}, Selection(), "fit several templates"),
        ({**JOHN, "SĐT": "0901234567"}, Selection(), "'phone', 'SĐT' all fit phone"),
        (JOHN, Selection(columns={"phone": "mobile"}), "has no column 'mobile'"),
    ],
)
def test_keys_that_fit_no_template_or_several_are_refused_before_anything_is_sent(
    lead: Mapping[str, object], selection: Selection, told: str
) -> None:
    with pytest.raises(MappingError, match=told):
        opened([lead], selection=selection)


def test_a_key_that_comes_later_is_known_if_it_is_a_field_and_never_silently_left_out(
    loan: Selection,
) -> None:
    first = {"customer_id": "1", "name": "An", "income": 1}
    later = {"customer_id": "2", "name": "Bo", "income": 2, "agrees": True, "address.city": "Huế"}
    _, found = leads_of(opened([first], [later], selection=loan))
    assert getattr(found, "inputs", None) == {
        "name": "Bo",
        "income": Decimal(2),
        "agrees": True,
        "source": "crm",
        "address": {"city": "Huế"},
    }
    for strange, code in (("0901234567", "unknown_key"), (None, "")):
        _, found = leads_of(opened([first], [{**first, "phnoe": strange}], selection=loan))
        assert [problem.code for problem in getattr(found, "problems", ())] == [code] * bool(code)


def test_the_first_leads_may_lack_what_others_have() -> None:
    lacking = {"customer_id": "1", "name": "An", "note": "x"}
    first, second = leads_of(opened([lacking, JOHN], selection=Selection()))
    assert [problem.code for problem in getattr(first, "problems", ())] == ["missing", "missing"]
    assert isinstance(second, Lead)


def test_a_key_that_lacks_is_an_empty_cell() -> None:
    assert problems_of(JOHN, {"customer_id": "2", "name": "An", "phone": "0901234567"}) == [
        ("missing", "address")
    ]


def test_objects_may_be_mappings_in_the_lead(loan: Selection) -> None:
    lead = {"customer_id": "1", "name": "An", "income": "12,5", "address": {"city": "Huế", "street": None}}
    assert only(lead, loan).inputs["address"] == {"city": "Huế"}
    lacking = {**lead, "address": {"street": "Lê Lợi"}}
    assert problems_of(lead, lacking, selection=loan) == [("missing", "address.city")]
    assert problems_of(lead, {**lead, "address": None}, selection=loan) == []


def test_no_leads_fit_whichever_template_is_named(loan: Selection) -> None:
    for selection in (Selection(), loan, Selection(columns={"phone": "Di động"})):
        assert leads_of(opened(selection=selection)) == []
    with pytest.raises(TemplateError, match="There is no template '9'"):
        opened(selection=Selection(template="9"))


# Values


class Level(StrEnum):
    GOLD = "gold"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  Nguyễn\u200b ", "Nguyễn"),
        (141952217564315671, "141952217564315671"),
        (np.int64(901234567), "901234567"),
        (12.0, "12"),
        (0.1 + 0.2, "0.3"),
        (np.float64(1.5), "1.5"),
        (np.float32(2), "2"),
        (Fraction(1, 4), "0.25"),
        (Decimal("1.50"), "1.5"),
        (Decimal("1E+3"), "1000"),
        (True, "TRUE"),
        (datetime.date(2026, 11, 24), "2026-11-24"),
        (datetime.datetime(2026, 11, 24, 8, 30), "2026-11-24 08:30:00"),
        (pd.Timestamp("2026-11-24"), "2026-11-24"),
        (datetime.time(8, 30), "08:30:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Level.GOLD, "gold"),
        (math.inf, None),
        (Decimal("NaN"), None),
        (["a"], None),
        (b"a", None),
        (object(), None),
    ],
)
def test_a_value_is_the_text_that_a_cell_would_show(value: object, text: str | None) -> None:
    assert text_of(value) == text


def test_a_number_with_decimals_has_one_reading() -> None:
    assert isinstance(text_of(Decimal("12.5")), NumberText)
    assert isinstance(text_of(12.5), NumberText)


@pytest.mark.parametrize("nothing", [None, "", "  ", math.nan, np.float64("nan"), pd.NA, pd.NaT])
def test_what_pandas_has_for_no_value_is_an_empty_cell(nothing: object) -> None:
    assert problems_of({**JOHN, "address": nothing}) == [("missing", "address")]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (["101"], "bad_value"),
        (b"101", "bad_value"),
        (math.inf, "bad_value"),
        (141952217564315671.0, "lost_digits"),
        ("#N/A", "error_cell"),
    ],
)
def test_a_value_that_is_none_makes_its_row_invalid(value: object, code: str) -> None:
    assert problems_of({**JOHN, "customer_id": value}) == [(code, "customer_id")]
    assert problems_of({**JOHN, "not_sent": value}) == []


def test_a_whole_number_of_many_digits_is_exact_and_a_phone_gets_its_zero_back() -> None:
    lead = only({**JOHN, "customer_id": 141952217564315671, "phone": 901234567})
    assert (lead.customer_id, lead.inputs["phone"]) == ("141952217564315671", "0901234567")
    assert [note.code for note in lead.notes] == ["lost_zero"]


def test_values_are_repaired_or_refused_as_the_options_say() -> None:
    spelt = {**JOHN, "phone": "+84 901 234 433"}
    assert only(spelt).inputs["phone"] == "0901234433"
    assert only(spelt, Selection(template="1", repair=False)).inputs["phone"] == "+84 901 234 433"
    strict = Selection(template="1", strict=True)
    assert problems_of({**JOHN, "phone": "0101"}, selection=strict) == [("implausible_phone", "phone")]


@pytest.mark.parametrize("stray", [None, "lead", ("1", "An"), 7])
def test_what_is_no_mapping_is_refused_with_its_row(stray: object) -> None:
    with pytest.raises(UsageError, match=r"leads:crm, row 1: a value of the type \w+ is no lead"):
        opened([stray])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="leads:crm, row 3: "):
        leads_of(opened([JOHN], [JOHN, stray]))  # type: ignore[list-item]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
LEADS = st.fixed_dictionaries(
    {
        "customer_id": st.integers(1, 10**12).map(str) | TEXT,
        "name": TEXT,
        "phone": st.sampled_from(["0901234567", "+84901234567", "901234567", "", "x"]) | TEXT,
        "address": TEXT,
    }
)


@settings(max_examples=40, deadline=None)
@given(st.lists(LEADS, min_size=1, max_size=5))
def test_a_lead_is_the_same_as_the_row_of_a_file_with_its_values(
    tmp_path_factory: pytest.TempPathFactory, leads: list[dict[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("leads") / "leads.csv"
    # A blank line is no row of a file, and quotation marks are another matter.
    leads = [
        {key: text.replace('"', "") for key, text in lead.items()}
        for lead in leads
        if any(text.strip('" ') for text in lead.values())
    ]
    pd.DataFrame(leads, columns=list(HEADERS)).to_csv(path, index=False)
    (file,), _ = open_inputs([str(path)], Selection(template="1"))
    ours = leads_of(opened([*leads])) if leads else []
    assert [_without_place(lead) for lead in ours] == [_without_place(lead) for lead in leads_of(file)]


def _without_place(lead: Lead | InvalidRow) -> object:
    if isinstance(lead, Lead):
        return lead._replace(place=None)  # type: ignore[arg-type]
    return (lead.problems, lead.customer_id, lead.notes)


def test_a_file_of_leads_and_the_same_leads_from_memory_are_equal(tmp_path: Path) -> None:
    (file,), _ = open_inputs([str(write_leads(tmp_path / "leads.csv", 50))], Selection())
    rows = pd.read_csv(tmp_path / "leads.csv", dtype=str).to_dict("records")
    ours = leads_of(opened(rows))  # type: ignore[arg-type]
    assert [_without_place(lead) for lead in ours] == [_without_place(lead) for lead in leads_of(file)]


# Names of sources


@pytest.mark.parametrize("name", ["crm", "CRM 2026-11", "khách hàng", "a@b:c.d+e", "leads:crm"])
def test_a_name_is_told_from_any_file(name: str) -> None:
    source = program_source(name)
    assert is_of_program(source)
    assert program_source(source) == source
    assert not is_of_program(name.removeprefix("leads:"))
