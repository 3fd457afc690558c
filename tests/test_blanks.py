"""The empty workbook: what a spreadsheet shows of it, and that what is filled in comes back as typed."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from importer.blanks import blank_workbook, write_blank
from importer.errors import TemplateError, UsageError
from importer.intake import Input, Selection, open_inputs
from importer.mapping import fold
from importer.model import InvalidRow, Lead
from importer.templates import KINDS, Field, Template, customer_id_field, parse_template, shipped_templates

FILLED = {
    "1": ("0007", "Trần Văn Bình", "0912345678", "1 Lê Lợi, Huế"),
    "2": ("0007", "Trần Văn Bình", "0912345678", "001190001234"),
    "3": ("0007", "binh@example.com", "0912345678"),
}
every_template = pytest.mark.parametrize(
    "template", shipped_templates().values(), ids=lambda found: found.name
)


def written(path: Path, template: Template) -> Path:
    write_blank(path, template)
    return path


def sheet_of(path: Path) -> Any:
    (sheet,) = openpyxl.load_workbook(path).worksheets
    return sheet


def values(sheet: Any) -> list[tuple[object, ...]]:
    return list(sheet.iter_rows(values_only=True))


def validations(sheet: Any) -> dict[str, Any]:
    return {str(found.sqref): found for found in sheet.data_validations.dataValidation}


def filled(path: Path, *rows: tuple[str, ...]) -> Path:
    book = openpyxl.load_workbook(path)
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def opened(path: Path, **said: object) -> tuple[Input, list[str]]:
    (found,), notices = open_inputs([str(path)], Selection(**said))  # type: ignore[arg-type]
    return found, notices


def leads_of(found: Input) -> list[Lead | InvalidRow]:
    return [lead for chunk in found.leads() for _, lead in chunk]


def own(text: str) -> Template:
    return parse_template("own", text, "own.toml")


@every_template
def test_the_headers_are_the_titles_and_the_first_row_is_a_marked_example(
    template: Template, tmp_path: Path
) -> None:
    sheet = sheet_of(written(tmp_path / "leads.xlsx", template))
    headers, example = values(sheet)
    assert headers == ("Mã KH *", *(f"{field.title} *" for field in template.fields))
    assert example == ("VÍ DỤ 1333", *(field.example for field in template.fields))
    assert all(cell.font.bold and cell.fill.fgColor.rgb == "FFDDEBF7" for cell in sheet[1])
    assert all(cell.font.italic and cell.font.color.rgb == "FF808080" for cell in sheet[2])
    assert sheet.freeze_panes == "A2"


@every_template
def test_every_column_is_text_from_top_to_bottom_and_wide_enough(template: Template, tmp_path: Path) -> None:
    sheet = sheet_of(written(tmp_path / "leads.xlsx", template))
    assert {cell.number_format for row in sheet for cell in row} == {"@"}
    columns = sheet.column_dimensions
    assert list(columns) == [cell.column_letter for cell in sheet[1]]
    for cell in sheet[2]:
        assert columns[cell.column_letter].number_format == "@"
        assert columns[cell.column_letter].width > min(len(cell.value), 44)


@every_template
def test_a_spreadsheet_offers_nowhere_to_turn_text_into_numbers(template: Template, tmp_path: Path) -> None:
    with zipfile.ZipFile(written(tmp_path / "leads.xlsx", template)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert '<ignoredError sqref="A1:XFD1048576" numberStoredAsText="1"/>' in sheet


@every_template
def test_the_file_is_small_and_holds_no_empty_rows(template: Template, tmp_path: Path) -> None:
    path = written(tmp_path / "leads.xlsx", template)
    assert path.stat().st_size < 20_000
    assert sheet_of(path).max_row == 2


@every_template
def test_every_cell_below_the_headers_says_how_it_is_written(template: Template, tmp_path: Path) -> None:
    sheet = sheet_of(written(tmp_path / "leads.xlsx", template))
    found = validations(sheet)
    for cell, field in zip(sheet[2], (customer_id_field(), *template.fields), strict=True):
        validation = found[f"{cell.column_letter}2:{cell.column_letter}1048576"]
        assert validation.promptTitle == field.title
        assert validation.prompt.endswith(f"Bắt buộc / Required\nVí dụ / Example: {field.example}")
        assert validation.showInputMessage


@pytest.mark.parametrize(
    ("kind", "style", "formula"),
    [
        ("customer_id", "stop", 'ISERROR(FIND(" ",TRIM(B2)))'),
        ("phone", "warning", "AND(LEN(TRIM(B2))>=10,LEN(TRIM(B2))<=11,ISNUMBER(VALUE(B2)))"),
        ("identity_number", "warning", "AND(OR(LEN(TRIM(B2))=9,LEN(TRIM(B2))=12),ISNUMBER(VALUE(B2)))"),
        ("email", "stop", 'AND(ISNUMBER(FIND("@",B2)),ISERROR(FIND(" ",TRIM(B2))))'),
        ("text", "stop", None),
    ],
)
def test_what_would_be_refused_is_stopped_and_what_may_be_repaired_is_asked_about(
    kind: str, style: str, formula: str | None, tmp_path: Path
) -> None:
    template = own(f'fields = [{{name = "x", kind = "{kind}"}}]')
    found = validations(sheet_of(written(tmp_path / "leads.xlsx", template)))["B2:B1048576"]
    assert (found.formula1, found.errorStyle or "stop") == (formula, style)
    assert bool(found.error) == (formula is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_of_any_kind_can_be_filled_in(kind: str) -> None:
    assert blank_workbook(own(f'fields = [{{name = "x", kind = "{kind}"}}]'))


def test_a_field_that_may_be_left_empty_has_no_mark_and_says_so(tmp_path: Path) -> None:
    template = own('fields = ["name", {name = "city", title = "Thành phố", required = false}]')
    sheet = sheet_of(written(tmp_path / "leads.xlsx", template))
    assert values(sheet)[0] == ("Mã KH *", "Họ tên *", "Thành phố")
    assert sheet["C1"].fill.fgColor.rgb == "FFF2F2F2"
    assert sheet["C2"].value is None
    assert validations(sheet)["C2:C1048576"].prompt == "Có thể để trống / May be left empty"


def test_what_is_too_long_for_a_prompt_is_cut_where_a_spreadsheet_counts(tmp_path: Path) -> None:
    title, example = "😀" * 40, "x" * 300
    template = Template(name="own", title="own", fields=(Field(name="x", title=title, example=example),))
    sheet = sheet_of(written(tmp_path / "leads.xlsx", template))
    found = validations(sheet)["B2:B1048576"]
    assert found.promptTitle == "😀" * 16
    assert len(found.prompt) == 255
    assert (sheet["B1"].value, sheet["B2"].value) == ("x *", example)


def test_what_a_template_allows_can_be_chosen_and_a_constant_has_no_column(tmp_path: Path) -> None:
    template = own(
        'fields = [{name = "city", allowed = ["Hà Nội", "Huế"]}, {name = "agent", constant = "A1"}, '
        '{name = "married", type = "boolean", required = false}, {name = "income", type = "number"}, '
        '{name = "much", allowed = ["a,b"]}, {name = "home", type = "object", fields = ["ward"]}]'
    )
    path = written(tmp_path / "leads.xlsx", template)
    sheet = sheet_of(path)
    assert [cell.value for cell in sheet[1]][1:] == ["city *", "married", "income *", "much *", "ward *"]
    found = validations(sheet)
    lists = {name: rule.formula1 for name, rule in found.items() if rule.type == "list"}
    assert lists == {"B2:B1048576": '"Hà Nội,Huế"', "C2:C1048576": '"Có,Không"'}
    assert "without separators" in found["D2:D1048576"].prompt


def test_what_looks_like_a_formula_or_a_link_is_text(tmp_path: Path) -> None:
    template = own(
        'fields = [{name = "sum", title = "=1+1", example = "=2+2"}, {name = "page", example = "http://x.vn"}]'
    )
    sheet = sheet_of(written(tmp_path / "leads.xlsx", template))
    assert [cell.data_type for row in sheet for cell in row] == ["s"] * 6
    assert not sheet._hyperlinks


@every_template
def test_what_is_filled_in_comes_back_as_it_was_typed(template: Template, tmp_path: Path) -> None:
    path = filled(written(tmp_path / "leads.xlsx", template), FILLED[template.name])
    found, notices = opened(path)
    (lead,) = leads_of(found)
    assert isinstance(lead, Lead)
    assert found.mapping.template == template
    assert (lead.customer_id, *lead.inputs.values()) == FILLED[template.name]
    assert (lead.place.row, lead.notes) == (3, ())
    assert notices == [f"{path}, sheet Leads, row 2: the example row was left out"]


@every_template
def test_a_workbook_with_nothing_filled_in_says_so(template: Template, tmp_path: Path) -> None:
    path = written(tmp_path / "leads.xlsx", template)
    found, (notice,) = opened(path)
    assert leads_of(found) == []
    assert notice == (
        f"{path}, sheet Leads, row 2: the example row was left out, and nothing is filled in below it yet"
    )


@every_template
def test_the_mark_of_required_fields_does_not_count_when_headers_are_matched(template: Template) -> None:
    for field in template.fields:
        assert fold(f"{field.title} *") == fold(field.title)


@pytest.mark.parametrize("name", ["leads.csv", "leads.xls", "leads", "leads.xlsm"])
def test_another_ending_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"written as \.xlsx\..* -o .*leads\.xlsx"):
        write_blank(tmp_path / name, shipped_templates()["1"])
    assert list(tmp_path.iterdir()) == []


def test_the_ending_may_be_in_capitals(tmp_path: Path) -> None:
    assert sheet_of(written(tmp_path / "LEADS.XLSX", shipped_templates()["1"]))["A1"].value == "Mã KH *"


def test_a_file_that_is_there_is_replaced_only_when_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    path.write_bytes(b"leads")
    with pytest.raises(UsageError, match=r"is there already, and may hold leads.*--force"):
        write_blank(path, shipped_templates()["1"])
    assert path.read_bytes() == b"leads"
    write_blank(path, shipped_templates()["1"], replace=True)
    assert sheet_of(path)["A1"].value == "Mã KH *"
    assert list(tmp_path.iterdir()) == [path]


def test_only_its_owner_can_read_what_will_hold_personal_data(tmp_path: Path) -> None:
    path = written(tmp_path / "leads.xlsx", shipped_templates()["1"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_refused_without_a_word_of_the_ledger(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Create the folder first") as caught:
        write_blank(tmp_path / "none" / "leads.xlsx", shipped_templates()["1"])
    assert "ledger" not in str(caught.value)
    with pytest.raises(UsageError, match="cannot be written"):
        write_blank(tmp_path / f"{'x' * 300}.xlsx", shipped_templates()["1"])
    folder = tmp_path / "leads.xlsx"
    folder.mkdir()
    with pytest.raises(UsageError, match="this is a folder"):
        write_blank(folder, shipped_templates()["1"], replace=True)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_template_whose_columns_could_not_be_told_apart_is_refused(tmp_path: Path) -> None:
    template = own('fields = ["phone", {name = "other", title = "Điện thoại"}]')
    with pytest.raises(TemplateError, match="two of its columns would fit the same field"):
        write_blank(tmp_path / "leads.xlsx", template)
    assert list(tmp_path.iterdir()) == []
