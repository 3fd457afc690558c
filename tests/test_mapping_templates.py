"""Rows to leads by a template of one's own: types, objects, constants and defaults."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook  # type: ignore[import-untyped]

from importer.checking import check_files
from importer.errors import MappingError
from importer.identity import lead_key
from importer.intake import Selection
from importer.mapping import SheetMapping, choose_mapping, header_score
from importer.model import InvalidRow, Lead, Place, Row, RowProblem
from importer.operations import create_application
from importer.templates import Template, parse_template

LOAN = """
title = "Loan"
fields = [
  "name",
  {name = "income", type = "number"},
  {name = "months", type = "integer", required = false},
  {name = "agrees", type = "boolean", default = false},
  {name = "source", constant = "sheet"},
  {name = "home", type = "object", required = false, fields = [
    {name = "city", title = "Tỉnh"},
    {name = "street", required = false},
    {name = "country", constant = "VN"},
    {name = "geo", type = "object", required = false, fields = [{name = "zone", type = "integer"}]},
  ]},
]
"""
HEADERS = ("customer_id", "name", "income", "months", "agrees", "Tỉnh", "street", "zone")


def template(text: str) -> Template:
    return parse_template("own", text, "own.toml")


def choose(*headers: str, text: str = LOAN, columns: dict[str, str] | None = None) -> SheetMapping:
    return choose_mapping("leads.csv", headers, [template(text)], columns)


def row(*cells: str, problems: tuple[RowProblem, ...] = ()) -> Row:
    return Row(Place("leads.csv", "", 2), cells, problems)


def lead(*cells: str, mapping: SheetMapping | None = None) -> Lead:
    made = (mapping or choose(*HEADERS)).lead(row(*cells))
    assert isinstance(made, Lead), made
    return made


def problems(*cells: str, mapping: SheetMapping | None = None) -> list[tuple[str, str]]:
    made = (mapping or choose(*HEADERS)).lead(row(*cells))
    assert isinstance(made, InvalidRow)
    return [(problem.code, problem.column) for problem in made.problems]


def test_a_row_becomes_typed_inputs_in_the_order_of_the_template() -> None:
    made = lead("1333", "An", "12,5", "12", "có", "Huế", "Lê Lợi", "0")
    home = {"city": "Huế", "street": "Lê Lợi", "country": "VN", "geo": {"zone": 0}}
    assert list(made.inputs.items()) == [
        ("name", "An"),
        ("income", Decimal("12.5")),
        ("months", 12),
        ("agrees", True),
        ("source", "sheet"),
        ("home", home),
    ]
    assert isinstance(made.inputs["home"], dict)
    assert list(made.inputs["home"]) == list(home)
    assert (
        rb"{\"name\":\"An\",\"income\":12.5,\"months\":12,\"agrees\":true,\"source\":\"sheet\",\"home\":{"
        in create_application(made).content
    )


def test_what_may_be_empty_is_left_out_and_a_default_takes_the_place_of_an_empty_cell() -> None:
    assert lead("1333", "An", "0", "", "", "", "", "").inputs == {
        "name": "An",
        "income": 0,
        "agrees": False,
        "source": "sheet",
    }


def test_an_object_that_may_be_left_out_is_there_once_a_cell_of_it_is_filled() -> None:
    assert lead("1333", "An", "1", "", "", "Huế").inputs["home"] == {"city": "Huế", "country": "VN"}
    assert problems("1333", "An", "1", "", "", "", "Lê Lợi", "") == [("missing", "Tỉnh")]
    assert problems("1333", "An", "1", "", "", "", "", "7") == [("missing", "Tỉnh")]
    assert problems("1333", "An", "1", "", "", "Huế", "", "x") == [("bad_number", "zone")]


def test_a_cell_that_the_reader_found_wrong_is_neither_missing_nor_given_a_default() -> None:
    known = RowProblem("error_cell", "the formula failed", "Tỉnh")
    made = choose(*HEADERS).lead(row("1333", "An", "1", "", "", "", "Lê Lợi", "", problems=(known,)))
    assert isinstance(made, InvalidRow)
    assert made.problems == (known,)


def test_an_object_that_must_be_there_has_its_constants_and_misses_its_fields() -> None:
    country = '{name = "country", constant = "VN"}'
    text = f'fields = [{{name = "home", type = "object", fields = ["city", {country}]}}]'
    mapping = choose("customer_id", "city", text=text)
    assert lead("1", "Huế", mapping=mapping).inputs == {"home": {"city": "Huế", "country": "VN"}}
    assert problems("1", "", mapping=mapping) == [("missing", "city")]


def test_an_object_without_a_value_is_left_out() -> None:
    city = '{name = "city", required = false}'
    text = f'fields = ["name", {{name = "home", type = "object", fields = [{city}]}}]'
    mapping = choose("customer_id", "name", "city", text=text)
    assert lead("1", "An", "", mapping=mapping).inputs == {"name": "An"}


def test_an_object_is_sent_where_the_first_of_its_fields_stands() -> None:
    text = """fields = [{name = "home", type = "object", fields = ["city"]}, "name"]"""
    made = lead("1", "An", "Huế", mapping=choose("customer_id", "name", "city", text=text))
    assert list(made.inputs) == ["home", "name"]


def test_a_template_of_constants_alone_needs_no_column_but_the_customer() -> None:
    text = 'fields = [{name = "a", constant = 1, type = "integer"}, {name = "b", default = "x"}]'
    mapping = choose("customer_id", "a", text=text)
    assert [(column.field.name, column.header) for column in mapping.inputs] == [
        ("a", "(constant)"),
        ("b", "(default)"),
    ]
    assert lead("1", "9", mapping=mapping).inputs == {"a": 1, "b": "x"}


def test_an_empty_text_that_a_template_says_is_sent() -> None:
    text = 'fields = [{name = "a", default = ""}, {name = "b", constant = ""}]'
    assert lead("1", "", mapping=choose("customer_id", "a", text=text)).inputs == {"a": "", "b": ""}


def test_a_cell_with_just_invisible_signs_has_the_default() -> None:
    made = lead("1333", "An", "1", "", "\u00ad")
    assert made.inputs["agrees"] is False
    assert [note.code for note in made.notes] == ["invisible_signs"]


def test_a_field_in_an_object_is_mapped_by_its_dotted_name() -> None:
    columns = {"home.city": "Nơi ở"}
    mapping = choose("customer_id", "name", "income", "Nơi ở", "Tỉnh", columns=columns)
    assert lead("1", "An", "1", "Huế", "x", mapping=mapping).inputs["home"] == {
        "city": "Huế",
        "country": "VN",
    }
    assert choose("customer_id", "name", "income", "home city").inputs[-2].header == "home city"


def test_a_sheet_with_a_part_of_an_object_needs_all_that_the_object_must_have() -> None:
    assert choose("customer_id", "name", "income")
    with pytest.raises(MappingError, match=r"no column for home\.city \(Tỉnh\).*--map home\.city=COLUMN"):
        choose("customer_id", "name", "income", "street")


def test_a_field_named_by_signs_alone_fits_no_column_without_a_header() -> None:
    text = 'fields = [{name = "_", title = "***"}]'
    with pytest.raises(MappingError, match=r"no column for _ \(\*\*\*\)"):
        choose("customer_id", "", text=text)
    assert choose("customer_id", "Ghi chú", text=text, columns={"_": "Ghi chú"}).inputs[0].index == 1


def test_no_column_can_be_named_for_a_constant() -> None:
    with pytest.raises(MappingError, match=r"--map source=name: source has a constant in its template"):
        choose(*HEADERS, columns={"source": "name"})


TWO = """
fields = [
  {name = "home", type = "object", required = false, fields = ["phone"]},
  {name = "work", type = "object", required = false, fields = ["phone"]},
]
"""


def test_a_column_that_fits_two_fields_is_never_guessed() -> None:
    with pytest.raises(
        MappingError, match=r"the column 'SĐT' fits home\.phone and work\.phone\. .*--map 'home\.phone=SĐT'"
    ):
        choose("customer_id", "SĐT", text=TWO)


@pytest.mark.parametrize(
    ("headers", "columns", "mapped"),
    [
        (("SĐT",), {"work.phone": "SĐT"}, [("work.phone", "SĐT")]),
        (
            ("SĐT",),
            {"work.phone": "SĐT", "home.phone": "SĐT"},
            [("home.phone", "SĐT"), ("work.phone", "SĐT")],
        ),
        (("SĐT", "Gọi"), {"work.phone": "Gọi"}, [("home.phone", "SĐT"), ("work.phone", "Gọi")]),
        (("home phone", "work_phone"), {}, [("home.phone", "home phone"), ("work.phone", "work_phone")]),
    ],
)
def test_map_settles_whose_column_it_is(
    headers: tuple[str, ...], columns: dict[str, str], mapped: list[tuple[str, str]]
) -> None:
    mapping = choose("customer_id", *headers, text=TWO, columns=columns)
    assert [(column.field.name, column.header) for column in mapping.inputs] == mapped


def test_a_column_that_was_named_for_another_field_still_belongs_to_its_own() -> None:
    mapping = choose("SĐT", text='fields = ["phone"]', columns={"customer_id": "SĐT"})
    assert [column.header for column in (mapping.customer_id, *mapping.inputs)] == ["SĐT", "SĐT"]


def test_headers_are_found_without_those_that_a_template_can_do_without() -> None:
    score = header_score([template(LOAN)])
    assert score(("customer_id", "name", "income")) > score(("customer_id", "name", "source"))


def test_one_value_written_in_several_ways_is_one_lead() -> None:
    ways = ("12.000.000", "12,000,000", "12 000 000", "12000000", "12000000,0")
    keys = {lead_key("a", "local", "1333", lead("1333", "An", way).inputs) for way in ways}
    assert len(keys) == 1


def test_a_row_that_adds_up_numbers_is_no_lead_however_large_they_are() -> None:
    text = 'fields = [{name = "income", type = "number"}]'
    mapping = choose("customer_id", "income", text=text)
    assert problems("Tổng", "1.200.000.000 đ", mapping=mapping) == [("total_row", "")]


def test_strict_takes_a_doubtful_number_for_a_problem() -> None:
    mapping = replace(choose(*HEADERS), strict=True)
    assert problems("1333", "An", "12345678901234567890", mapping=mapping) == [("many_digits", "income")]


def test_a_workbook_is_checked_with_samples_as_they_are_sent(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(LOAN, encoding="utf-8")
    book = Workbook()
    book.active.append(HEADERS)
    book.active.append(["1333", "An", 1.125, 12, True, "Huế", None, 3])
    book.save(tmp_path / "leads.xlsx")
    report = check_files([str(tmp_path / "leads.xlsx")], Selection(template=str(tmp_path / "own.toml")))
    assert [(column.field, column.header, column.sample) for column in report.inputs[0].columns] == [
        ("customer_id", "customer_id", "1333"),
        ("name", "name", "An"),
        ("income", "income", "1.125"),
        ("months", "months", "12"),
        ("agrees", "agrees", "true"),
        ("source", "(constant)", "sheet"),
        ("home.city", "Tỉnh", "Huế"),
        ("home.street", "street", ""),
        ("home.country", "(constant)", "VN"),
        ("home.geo.zone", "zone", "3"),
    ]
    assert (report.to_send, report.inputs[0].ignored) == (1, [])


def test_a_phone_in_an_object_under_two_customers_is_told(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(TWO, encoding="utf-8")
    (tmp_path / "leads.csv").write_text(
        "customer_id,home phone\n1,0901234567\n2,0901234567\n3,\n4,\n", "utf-8"
    )
    report = check_files([str(tmp_path / "leads.csv")], Selection(template=str(tmp_path / "own.toml")))
    assert [(kind.code, kind.column, kind.rows) for kind in report.warnings] == [
        ("shared_phone", "home phone", 1)
    ]
