"""Workbooks of invented leads, with much around them, as two other programs write them."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import xlsxwriter  # type: ignore[import-untyped]
from openpyxl.chart import BarChart, Reference  # type: ignore[import-untyped]
from openpyxl.comments import Comment  # type: ignore[import-untyped]
from openpyxl.formatting.rule import CellIsRule  # type: ignore[import-untyped]
from openpyxl.styles import Border, Font, PatternFill, Side  # type: ignore[import-untyped]
from openpyxl.worksheet.datavalidation import DataValidation  # type: ignore[import-untyped]

from importer.model import Application, ErrorInfo, OutcomeName, Place, ResultRow

HEADERS = ("STT", "Mã khách hàng", "Họ tên", "Số điện thoại", "Địa chỉ")
LEADS = "Tháng 5"

RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

# A dot of one pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def lead(number: int) -> list[str]:
    """Return the cells of an invented lead after its number."""
    return [str(1000 + number), f"Khách thứ {number}", f"09{number:08}", f"{number} Lê Lợi, Huế"]


def by_openpyxl(path: Path, *, count: int = 6) -> Path:
    """Write leads below a title and headers of two lines, with rules, notes, hidden sheets and a chart."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = LEADS
    sheet["A1"] = "DANH SÁCH"
    sheet.merge_cells("A1:E1")
    line = Side(style="thin")
    for column, header in enumerate(HEADERS, 1):
        sheet.merge_cells(start_row=3, start_column=column, end_row=4, end_column=column)
        cell = sheet.cell(3, column, header)
        cell.font = Font(name="Times New Roman", size=13, bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor="1F4E79")
    for number in range(1, count + 1):
        for column, value in enumerate([f"=ROW()-4+{number}*0", *lead(number)], 1):
            cell = sheet.cell(4 + number, column, value)
            cell.font = Font(name="Times New Roman", size=13)
            cell.border = Border(line, line, line, line)
    sheet["C6"].fill = PatternFill("solid", fgColor="FFFF00")
    sheet["C6"].comment = Comment("Khách quen", "An")
    sheet["D6"].hyperlink = "https://example.com/"
    sheet.merge_cells("A20:B20")
    sheet.column_dimensions["C"].width = 24
    sheet.freeze_panes = "A5"
    sheet.auto_filter.ref = f"A4:E{4 + count}"
    sheet.auto_filter.add_filter_column(4, ["1 Lê Lợi, Huế"])
    rule = DataValidation(type="list", formula1='"x,y"')
    rule.add("E5:E500")
    rule.add("A5:A6")
    sheet.add_data_validation(rule)
    sheet.conditional_formatting.add("D5:D10", CellIsRule(operator="equal", formula=['"12"']))
    other = book.create_sheet("Hướng dẫn")
    for row in (["Bao nhiêu"], [1], [2], [f"=COUNTA('{LEADS}'!B5:B10)"]):
        other.append(row)
    chart = BarChart()
    chart.add_data(Reference(other, min_col=1, min_row=1, max_row=3), titles_from_data=True)
    other.add_chart(chart, "C2")
    book.create_sheet("Ẩn").sheet_state = "hidden"
    book["Ẩn"]["A1"] = "của riêng"
    book.save(path)
    return path


def by_xlsxwriter(
    path: Path,
    *,
    table: bool = False,
    inline: bool = False,
    chart: bool = False,
    headers: Sequence[str] = HEADERS,
    count: int = 6,
) -> Path:
    """Write leads below headers in the first row, a picture and a rule; as asked a table, or a chart."""
    book = xlsxwriter.Workbook(path, {"constant_memory": inline})
    sheet = book.add_worksheet(LEADS)
    bold, text = book.add_format({"bold": True}), book.add_format({"num_format": "@"})
    for column, header in enumerate(headers):
        sheet.write_string(0, column, header, bold)
    for number in range(1, count + 1):
        sheet.write_formula(number, 0, f"=ROW()-1+0*{number}", None, number)
        for column, value in enumerate(lead(number), 1):
            sheet.write_string(number, column, value, text)
    if table:
        columns = [{"header": header} for header in headers]
        sheet.add_table(0, 0, count, len(headers) - 1, {"columns": columns, "name": "Leads"})
    sheet.conditional_format(1, 3, count, 3, {"type": "duplicate", "format": bold})
    if chart:
        drawn = book.add_chart({"type": "column"})
        drawn.add_series({"values": [LEADS, 1, 0, count, 0]})
        sheet.insert_chart(1, 6, drawn)
    sheet.insert_image("A30", "dot.png", {"image_data": io.BytesIO(PNG)})
    book.add_worksheet("Khác").write_string(0, 0, "giữ lại")
    book.close()
    return path


def result(row: int, outcome: OutcomeName = OutcomeName.CREATED, sheet: str = LEADS) -> ResultRow:
    """Return what became of a row."""
    place = Place("leads.xlsx", sheet, row)
    if outcome == OutcomeName.CREATED:
        application = Application(
            application_id="009007199254740993", status="new", created_at="2024-05-01T03:04:05Z"
        )
        return ResultRow(place=place, customer_id="", outcome=outcome, application=application, attempts=1)
    error = ErrorInfo(code="http_400", message="=sai <số> & chữ", http_status=400, request_id="0042")
    return ResultRow(place=place, customer_id="", outcome=outcome, attempts=2, error=error, notes=("a", "b"))


def parts(path: Path) -> dict[str, bytes]:
    """Return the parts of a workbook, unpacked."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(
    path: Path,
    changes: Mapping[str, Callable[[bytes], bytes] | None],
    *,
    added: Mapping[str, bytes] | None = None,
    named: Callable[[str], str] = str,
) -> Path:
    """Write a workbook again with some of its parts changed, some `added`, all `named` otherwise.

    None instead of a change leaves a part out.
    """
    kept = parts(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in kept.items():
            change = changes.get(name, bytes)
            if change is not None:
                archive.writestr(named(name), change(content))
        for name, content in (added or {}).items():
            archive.writestr(name, content)
    return path


def led_to(kind: str, target: str, identifier: str = "rIdNew") -> Callable[[bytes], bytes]:
    """Return what adds a relationship of a `kind` to those of a part."""
    relationship = f'<Relationship Id="{identifier}" Type="{RELATIONSHIPS}/{kind}" Target="{target}"/>'
    return lambda xml: xml.replace(b"</Relationships>", relationship.encode() + b"</Relationships>")


def relationships(kind: str, target: str, identifier: str = "rIdNew") -> bytes:
    """Return the part with the only relationship of another part."""
    empty = (
        b'<?xml version="1.0" encoding="UTF-8"?>'
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"></Relationships>'
    )
    return led_to(kind, target, identifier)(empty)


def looks(path: Path) -> Iterator[tuple[Any, ...]]:
    """Yield each cell of a workbook with what it holds and what it looks like."""
    for sheet in openpyxl.load_workbook(path):
        for row in sheet.iter_rows():
            for cell in row:
                style = (cell.font.name, cell.font.b, cell.fill.fgColor.rgb, cell.border.left.style)
                if cell.value is not None or cell.has_style:
                    yield sheet.title, cell.coordinate, cell.value, cell.number_format, *style
