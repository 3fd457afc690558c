"""From the files that are named to leads, with everything refused before the first row is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from openpyxl import Workbook  # type: ignore[import-untyped]

from importer.errors import MappingError, SheetError, TemplateError, UsageError
from importer.identity import lead_key
from importer.intake import (
    CHUNK_ROWS,
    Identity,
    Input,
    Selection,
    entries_of,
    open_inputs,
    path_of,
    problem_text,
)
from importer.ledger import Entry
from importer.model import ErrorInfo, InvalidRow, Lead, Place, Remark, RowProblem
from importer.results import COLUMNS
from importer.settings import Settings
from tests.support import write_leads

HEADERS = ("customer_id", "name", "phone", "address")
JOHN = ("1333", "John", "0901234433", "101 Nguyen Van Cu")


def book(path: Path, sheets: Mapping[str, list[tuple[str, ...]]]) -> Path:
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def opened(*paths: Path, **said: object) -> tuple[list[Input], list[str]]:
    return open_inputs([str(path) for path in paths], Selection(**said))  # type: ignore[arg-type]


def leads_of(found: Input) -> list[Lead | InvalidRow]:
    return [lead for chunk in found.leads() for _, lead in chunk]


# Opening


def test_files_become_inputs_in_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    second, first = write_leads(tmp_path / "b.csv", 1), write_leads(tmp_path / "a.csv", 2, first=5)
    inputs, notices = opened(second, first)
    assert [found.path for found in inputs] == [str(second), str(first)]
    assert [found.mapping.template.name for found in inputs] == ["1", "1"]
    assert [len(leads_of(found)) for found in inputs] == [1, 2]
    assert notices == []


def test_rows_come_in_chunks_each_with_what_it_is(tmp_path: Path) -> None:
    ((found,), _) = opened(write_leads(tmp_path / "leads.csv", CHUNK_ROWS + 1))
    chunks = list(found.leads())
    assert [len(chunk) for chunk in chunks] == [CHUNK_ROWS, 1]
    (row, lead) = chunks[1][0]
    assert row.place.row == CHUNK_ROWS + 2
    assert isinstance(lead, Lead)
    assert (lead.place, lead.customer_id) == (row.place, str(1000 + CHUNK_ROWS))


def test_a_row_that_is_no_lead_travels_among_the_others(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("customer_id,name,phone,address\n1,John,x,y\n2,John,0901234433,y\n", encoding="utf-8")
    ((found,), _) = opened(path)
    assert [type(lead) for lead in leads_of(found)] == [InvalidRow, Lead]


def test_a_file_wherever_one_stands_is_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_leads(tmp_path / "leads.csv", 1)
    monkeypatch.chdir(tmp_path)
    assert path_of("leads.csv") == path_of("./leads.csv") == str(path.resolve())
    assert path_of("-") == "-"
    ((found,), _) = open_inputs(["leads.csv"], Selection())
    assert (found.path, found.sheet.source) == (str(path.resolve()), "leads.csv")


def test_a_file_that_is_named_twice_is_refused_under_whatever_names(tmp_path: Path) -> None:
    path = write_leads(tmp_path / "leads.csv", 1)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=r"is given twice\. Name each file once"):
        opened(path, tmp_path / "folder" / ".." / "leads.csv")


def test_standard_input_is_read_from_where_its_bytes_were_put(tmp_path: Path) -> None:
    spool = write_leads(tmp_path / "spool", 2)
    ((found,), _) = open_inputs(["-"], Selection(), spool=spool)
    assert (found.path, found.sheet.source) == ("-", "-")
    assert [str(lead.place) for lead in leads_of(found)] == ["-, row 2", "-, row 3"]
    with pytest.raises(UsageError, match="- is given twice"):
        open_inputs(["-", "-"], Selection(), spool=spool)


def test_the_spool_is_for_standard_input_alone(tmp_path: Path) -> None:
    spool = write_leads(tmp_path / "spool", 2)
    path = write_leads(tmp_path / "leads.csv", 1, first=7)
    (piped, named), _ = open_inputs(["-", str(path)], Selection(), spool=spool)
    assert [len(leads_of(piped)), len(leads_of(named))] == [2, 1]


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SheetError):
        opened(write_leads(tmp_path / "leads.csv", 1), tmp_path / "none.csv")


def test_results_of_an_earlier_run_are_left_out_with_a_notice(tmp_path: Path) -> None:
    results = tmp_path / "leads.results.csv"
    results.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    inputs, notices = opened(results, write_leads(tmp_path / "leads.csv", 1))
    assert len(inputs) == 1
    assert notices == [f"{results} was left out: it holds the results of a run, not leads."]


def test_nothing_but_results_is_refused(tmp_path: Path) -> None:
    results = tmp_path / "leads.results.csv"
    results.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    with pytest.raises(SheetError, match=r"results of a run, not leads\. Name a file of leads\.$"):
        opened(results)


def test_the_encoding_that_was_named_is_used(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes("customer_id,name,phone,address\n1,Lê,0901234433,y\n".encode("cp1258"))
    with pytest.raises(SheetError):
        opened(path)
    ((found,), _) = opened(path, encoding="cp1258")
    (lead,) = leads_of(found)
    assert isinstance(lead, Lead)
    assert lead.inputs["name"] == "Lê"


# Choosing


def test_the_template_and_the_columns_that_were_named_are_used(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    headers = "customer_id,email,phone,name,address,to"
    path.write_text(f"{headers}\n1,a@b.vn,0901234433,x,y,0907\n", encoding="utf-8")
    with pytest.raises(MappingError, match="fit several templates"):
        opened(path)
    ((found,), _) = opened(path, template="3", columns={"phone": "to"})
    (lead,) = leads_of(found)
    assert isinstance(lead, Lead)
    assert lead.inputs == {"email": "a@b.vn", "phone": "0907"}


def test_a_template_that_is_none_is_refused_before_any_file_is_opened(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="There is no template '9'"):
        opened(tmp_path / "none.csv", template="9")


def test_without_a_template_all_documented_ones_are_candidates() -> None:
    assert [template.name for template in Selection().templates()] == ["1", "2", "3"]
    assert [template.name for template in Selection(template="2").templates()] == ["2"]


def test_the_selection_is_what_the_settings_say() -> None:
    settings = Settings(
        template="2", map={"name": "Tên"}, sheet=("Leads",), encoding="cp1258", no_repair=True, strict=True
    )
    assert Selection.of(settings) == Selection(
        template="2",
        columns={"name": "Tên"},
        sheets=("Leads",),
        encoding="cp1258",
        repair=False,
        strict=True,
    )
    assert Selection.of(Settings()) == Selection(columns={}, repair=True, strict=False)


def test_whether_values_are_repaired_and_warnings_refused_reaches_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("customer_id,name,phone,address\n1,An,+84901234433,x\n2,Bo,0901,x\n", encoding="utf-8")
    ((repaired,), _) = opened(path)
    assert [getattr(lead, "inputs", {}).get("phone") for lead in leads_of(repaired)] == ["0901234433", "0901"]
    ((as_it_is,), _) = opened(path, repair=False)
    first = leads_of(as_it_is)[0]
    assert isinstance(first, Lead)
    assert first.inputs["phone"] == "+84901234433"
    ((strict,), _) = opened(path, strict=True)
    assert [type(lead) for lead in leads_of(strict)] == [Lead, InvalidRow]


def test_a_sheet_that_fits_no_template_is_left_out_beside_one_that_fits(tmp_path: Path) -> None:
    path = book(tmp_path / "leads.xlsx", {"Notes": [("note",), ("x",)], "Leads": [HEADERS, JOHN]})
    inputs, notices = opened(path)
    assert [found.sheet.name for found in inputs] == ["Leads"]
    assert notices == [f"left out a sheet: {path}, sheet Notes has no columns of leads"]


def test_a_sheet_that_lacks_little_is_left_out_with_what_it_lacks(tmp_path: Path) -> None:
    path = book(tmp_path / "leads.xlsx", {"More": [HEADERS[:3], JOHN[:3]], "Leads": [HEADERS, JOHN]})
    _, (notice,) = opened(path)
    assert notice.startswith(f"left out a sheet: {path}, sheet More: no column for address")


def test_where_no_sheet_fits_the_one_that_comes_nearest_is_told_of(tmp_path: Path) -> None:
    path = book(tmp_path / "leads.xlsx", {"Notes": [("note",), ("x",)], "Leads": [HEADERS[:3], JOHN[:3]]})
    with pytest.raises(MappingError, match="sheet Leads: no column for address"):
        opened(path)


def test_a_sheet_of_headers_only_is_told_of(tmp_path: Path) -> None:
    path = book(tmp_path / "leads.xlsx", {"A": [HEADERS], "B": [HEADERS, JOHN]})
    inputs, notices = opened(path)
    assert [found.sheet.name for found in inputs] == ["A", "B"]
    assert notices == [f"{path}, sheet A has headers and no rows"]


def test_a_column_can_be_named_by_its_letter_in_the_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    workbook = Workbook()
    for row, cells in enumerate(
        [("Mã KH", "Họ tên", "SĐT", "Địa chỉ", "SĐT"), ("7", "An", "0901234567", "x", "0912345678")], 3
    ):
        for column, value in enumerate(cells, 2):
            workbook.worksheets[0].cell(row, column, value)
    workbook.save(path)
    with pytest.raises(
        MappingError, match=r"'SĐT' \(D\), 'SĐT' \(F\) all fit phone.*phone=D or --map phone=F"
    ):
        opened(path)
    ((found,), _) = opened(path, columns={"phone": "F"})
    assert [getattr(lead, "inputs", {}).get("phone") for lead in leads_of(found)] == ["0912345678"]


def test_a_letter_stays_the_same_where_an_earlier_run_has_added_columns(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text(
        "outcome,error,Mã KH,Họ tên,SĐT,Địa chỉ,SĐT\n,,7,An,0901234567,x,0912345678\n", encoding="utf-8"
    )
    ((found,), _) = opened(path, columns={"phone": "G"})
    assert [getattr(lead, "inputs", {}).get("phone") for lead in leads_of(found)] == ["0912345678"]


def test_every_sheet_that_fits_is_read(tmp_path: Path) -> None:
    path = book(tmp_path / "leads.xlsx", {"A": [HEADERS, JOHN], "B": [HEADERS, JOHN]})
    inputs, notices = opened(path)
    assert [str(lead.place) for found in inputs for lead in leads_of(found)] == [
        f"{path}, sheet A, row 2",
        f"{path}, sheet B, row 2",
    ]
    assert notices == []


def test_a_sheet_that_was_asked_for_must_fit(tmp_path: Path) -> None:
    path = book(tmp_path / "leads.xlsx", {"Notes": [("note",), ("x",)], "Leads": [HEADERS, JOHN]})
    with pytest.raises(MappingError, match="sheet Notes: no column for"):
        opened(path, sheets=("Notes", "Leads"))


def test_the_only_sheet_must_fit(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="sheet Notes: no column for"):
        opened(book(tmp_path / "leads.xlsx", {"Notes": [("note",), ("x",)]}))


def test_where_no_sheet_fits_the_first_one_is_told_of(tmp_path: Path) -> None:
    path = book(tmp_path / "leads.xlsx", {"A": [("note",), ("x",)], "B": [("other",), ("x",)]})
    with pytest.raises(MappingError, match="sheet A: no column for"):
        opened(path)


def test_what_a_sheet_has_to_say_is_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    sheet.append(HEADERS)
    sheet.append(JOHN)
    workbook.create_sheet("Secret").sheet_state = "hidden"
    workbook["Secret"].append(HEADERS)
    workbook.save(path)
    inputs, notices = opened(path)
    assert len(inputs) == 1
    assert notices == list(inputs[0].sheet.notices)
    assert any("Secret" in notice for notice in notices)


# The example row of an empty workbook

TITLES = "Mã KH *,Họ tên *,SĐT *,Địa chỉ *"
EXAMPLE = 'VÍ DỤ 1333,Nguyễn Thị Minh Anh,0901234567,"101 Nguyễn Văn Cừ, Quận 5, TP. Hồ Chí Minh"'
FILLED_IN = "7,An,0912345678,x"


def text_file(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "example",
    [EXAMPLE, EXAMPLE.replace("0901", "901"), EXAMPLE.replace("VÍ DỤ", "Ví dụ:"), "VÍ DỤ 1333,,,"],
    ids=["as written", "without its zero", "mark retyped", "cleared"],
)
def test_the_example_row_is_left_out_with_a_notice_and_the_others_keep_their_numbers(
    tmp_path: Path, example: str
) -> None:
    path = text_file(tmp_path / "leads.csv", TITLES, example, FILLED_IN)
    for _ in range(2):
        (found,), notices = opened(path)
        (lead,) = leads_of(found)
        assert isinstance(lead, Lead)
        assert lead.place.row == 3
        assert [[row.place.row for row in rows] for rows in found.sheet.chunks()] == [[3]]
        assert found.sheet.height == 1
        assert notices == [f"{path}, row 2: the example row was left out"]


def test_an_example_row_below_blank_ones_is_still_the_first(tmp_path: Path) -> None:
    ((found,), notices) = opened(text_file(tmp_path / "leads.csv", TITLES, ",,,", "", EXAMPLE, FILLED_IN))
    assert [lead.place.row for lead in leads_of(found)] == [5]
    assert "row 4: the example row" in notices[0]


@pytest.mark.parametrize(
    "touched",
    [
        "VÍ DỤ 1333,An,0912345678,x",
        EXAMPLE.replace("0901234567", "0901234568"),
        EXAMPLE.replace("1333", "1334"),
        f"{EXAMPLE},more",
    ],
)
def test_a_lead_written_over_the_example_is_never_lost_with_the_mark(tmp_path: Path, touched: str) -> None:
    (found,), notices = opened(text_file(tmp_path / "leads.csv", TITLES, touched, FILLED_IN))
    over, lead = leads_of(found)
    assert isinstance(over, InvalidRow)
    assert (over.problems[0].code, over.problems[0].column) == ("example_row", "Mã KH *")
    assert isinstance(lead, Lead)
    assert notices == []


def test_a_lead_written_over_the_whole_example_is_a_lead(tmp_path: Path) -> None:
    (found,), notices = opened(text_file(tmp_path / "leads.csv", TITLES, EXAMPLE.replace("VÍ DỤ ", "")))
    assert [type(lead) for lead in leads_of(found)] == [Lead]
    assert notices == []


def test_an_example_row_that_is_not_the_first_is_no_lead_and_is_counted(tmp_path: Path) -> None:
    (found,), notices = opened(text_file(tmp_path / "leads.csv", TITLES, FILLED_IN, EXAMPLE))
    _, example = leads_of(found)
    assert isinstance(example, InvalidRow)
    assert [problem.code for problem in example.problems] == ["example_row"]
    assert notices == []


def test_the_second_of_two_example_rows_is_no_lead_and_is_counted(tmp_path: Path) -> None:
    (found,), notices = opened(text_file(tmp_path / "leads.csv", TITLES, EXAMPLE, EXAMPLE))
    assert [type(lead) for lead in leads_of(found)] == [InvalidRow]
    assert len(notices) == 1


def test_the_example_of_another_template_is_no_lead_and_is_counted(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('fields = [{name = "name", example = "Lan"}]', encoding="utf-8")
    path = text_file(tmp_path / "leads.csv", TITLES, EXAMPLE, FILLED_IN)
    (found,), notices = opened(path, template=str(tmp_path / "own.toml"))
    assert [type(lead) for lead in leads_of(found)] == [InvalidRow, Lead]
    assert notices == []


def test_the_example_row_of_every_sheet_is_left_out(tmp_path: Path) -> None:
    example = ("VÍ DỤ 1333", "Nguyễn Thị Minh Anh", "0901234567", "")
    path = book(tmp_path / "leads.xlsx", {"a": [HEADERS, example, JOHN], "b": [HEADERS, example]})
    (first, second), notices = opened(path)
    assert [lead.place.row for lead in leads_of(first)] == [3]
    assert leads_of(second) == []
    assert notices == [
        f"{path}, sheet a, row 2: the example row was left out",
        f"{path}, sheet b, row 2: the example row was left out, and nothing is filled in below it yet",
    ]


# What the ledger keeps

PLACE = Place("leads.csv", "", 7)
IDENTITY = Identity("account", "sandbox")
NOTE = Remark("repair", "separators", "phone", "a note")


def test_a_lead_is_kept_by_its_key_and_without_its_inputs() -> None:
    lead = Lead(PLACE, "1333", {"name": "John"}, (NOTE,))
    (entry,) = entries_of(3, [lead], IDENTITY)
    assert entry == Entry(
        sheet=3,
        row=7,
        customer_id="1333",
        key=lead_key("account", "sandbox", "1333", {"name": "John"}),
        notes=("phone: a note",),
    )
    assert "John" not in repr(entry)


def test_account_and_environment_tell_leads_apart() -> None:
    lead = Lead(PLACE, "1333", {"name": "John"})
    identities = [IDENTITY, Identity("other", "sandbox"), Identity("account", "production")]
    assert len({identity.key_of(lead) for identity in identities}) == 3


def test_a_row_that_is_no_lead_is_kept_with_all_its_problems_and_no_key() -> None:
    problems = (RowProblem("missing", "fill it in", "name"), RowProblem("too_many_cells", "remove them"))
    (entry,) = entries_of(3, [InvalidRow(PLACE, problems, "1333", (NOTE,))], IDENTITY)
    assert entry == Entry(
        sheet=3,
        row=7,
        customer_id="1333",
        key=None,
        problem=ErrorInfo(code="missing", message="name: fill it in; remove them"),
        notes=("phone: a note",),
    )


def test_problems_may_come_one_by_one() -> None:
    assert problem_text(iter([RowProblem("missing", "fill it in")])) == ErrorInfo(
        code="missing", message="fill it in"
    )
