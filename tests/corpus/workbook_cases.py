"""Workbooks as spreadsheets, libraries and old machines leave them."""

from __future__ import annotations

import datetime
import io
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import openpyxl  # type: ignore[import-untyped]
from openpyxl.styles import Font  # type: ignore[import-untyped]

from tests.corpus.cases import Case, bad, lead, read, refused, sheet
from tests.test_sheets_encodings import in_tcvn3, in_vni

HEADERS = ("Mã KH", "Họ tên", "SĐT", "Địa chỉ")
AN = ("1001", "Nguyễn Văn An", "0901234567", "12 Lê Lợi")
BINH = ("1002", "Trần Thị Bình", "0912345678", "34 Hùng Vương")
LEAD_AN, LEAD_BINH = lead(*AN), lead(*BINH)
WRITTEN = datetime.datetime(2026, 11, 24, 8, 0, 0)


def with_openpyxl(*rows: Sequence[object], change: Callable[[Any], None] | None = None) -> bytes:
    """Return a workbook as scripts write it, with each text inside of its cell."""
    book = openpyxl.Workbook()
    book.properties.created = book.properties.modified = WRITTEN
    book.active.title = "Khách"
    for row in rows:
        book.active.append(row)
    if change:
        change(book)
    stream = io.BytesIO()
    book.save(stream)
    return repacked(stream.getvalue())


def with_xlsxwriter(fill: Callable[[Any, Any], None]) -> bytes:
    """Return a workbook as Excel writes it, with its texts in a table of their own."""
    import xlsxwriter  # type: ignore[import-untyped]

    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream)
    book.set_properties({"created": WRITTEN})
    fill(book, book.add_worksheet("Khách"))
    book.close()
    return repacked(stream.getvalue())


def repacked(content: bytes) -> bytes:
    """Return the archive without what differs each time it is written."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    modified = WRITTEN.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    for name, part in parts.items():
        if name == "docProps/core.xml":
            head, _, rest = part.partition(b'<dcterms:modified xsi:type="dcterms:W3CDTF">')
            parts[name] = head + b'<dcterms:modified xsi:type="dcterms:W3CDTF">' + modified + rest[20:]
    return zipped(parts)


def without_picture(content: bytes) -> bytes:
    """Return the workbook without the picture of its first page, which LibreOffice adds."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return zipped(
            {name: archive.read(name) for name in archive.namelist() if not name.startswith("Thumb")}
        )


def zipped(parts: Mapping[str, bytes]) -> bytes:
    """Return an archive of these parts, the same each time."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 24, 8, 0, 0)), part, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def workbook_cases() -> Iterator[Case]:
    """Yield the workbooks of the corpus that Python can write."""
    yield from _shapes()
    yield from _values()
    yield from _sheets()
    yield from _legacy()
    yield from _by_hand()


def _shapes() -> Iterator[Case]:
    def headers_of_two_lines(book: Any) -> None:
        active = book.active
        active.append(["DANH SÁCH KHÁCH HÀNG"])
        active.merge_cells("A1:D1")
        active.append([])
        active.append(["Mã KH", "Khách hàng", None, "Địa chỉ"])
        active.append([None, "Họ tên", "SĐT", None])
        for area in ("A3:A4", "B3:C3", "D3:D4"):
            active.merge_cells(area)
        active.append(AN)
        active.append([])
        active.append(BINH)
        active.append(["Tổng cộng", None, 2])

    yield Case(
        "headers-of-two-lines.xlsx",
        with_openpyxl(change=headers_of_two_lines),
        read(
            sheet({5: LEAD_AN, 7: LEAD_BINH, 8: bad("total_row")}, name="Khách", header_row=4),
            notices=["the headers are in row 4"],
        ),
    )

    def hide_and_merge(book: Any) -> None:
        active = book.active
        active.row_dimensions[3].hidden = True
        active.row_dimensions[5].outlineLevel = 1
        active.column_dimensions["D"].hidden = True
        active.merge_cells("A4:A5")

    yield Case(
        "hidden-rows-and-merged-cells.xlsx",
        with_openpyxl(HEADERS, AN, BINH, ("1003", *AN[1:]), (None, *BINH[1:]), change=hide_and_merge),
        read(
            sheet(
                {2: LEAD_AN, 3: LEAD_BINH, 4: lead("1003", *AN[1:]), 5: bad("missing in Mã KH")}, name="Khách"
            ),
            notices=["rows that are hidden (1) are read"],
        ),
    )

    def far_from_the_corner(book: Any) -> None:
        for at, row in enumerate((HEADERS, AN, BINH)):
            for column, value in enumerate(row):
                book.active.cell(20 + 2 * at, 30 + column, value)
        book.active.cell(30, 40).font = Font(bold=True)

    yield Case(
        "far-from-the-corner.xlsx",
        with_openpyxl(change=far_from_the_corner),
        read(sheet({22: LEAD_AN, 24: LEAD_BINH}, name="Khách", header_row=20)),
    )


def _values() -> Iterator[Case]:
    def numbers(book: Any, cells: Any) -> None:
        zeros, phone, code = (
            book.add_format({"num_format": form}) for form in ("000000000000", "0000 000 000", '"KH"00000')
        )
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        rows: list[list[tuple[Any, Any]]] = [
            [(1333, None), ("Lê Hà", None), (901234567, None), ("5 Trần Phú", None)],
            [(1333.0, zeros), ("Lê Hà", None), (901234567, phone), (12, None)],
            [(12, code), ("Lê Hà", None), ("0901234567", None), (WRITTEN, day)],
            [(141952217564315671, None), ("Lê Hà", None), ("0901234567", None), (True, None)],
            [(999999999999999, None), ("Lê Hà", None), ("0901234567", None), (0.1 + 0.2, None)],
            [("141952217564315671", None), ("Lê Hà", None), (84901234567, None), (False, None)],
            [(1333.5, None), (7, None), (0.901234567, None), (1e20, None)],
        ]
        cells.write_row(0, 0, HEADERS)
        for number, row in enumerate(rows, 1):
            for column, (value, form) in enumerate(row):
                cells.write(number, column, value, form)

    yield Case(
        "numbers.xlsx",
        with_xlsxwriter(numbers),
        read(
            sheet(
                {
                    2: lead("1333", "Lê Hà", "0901234567", "5 Trần Phú", remarks="lost_zero"),
                    3: lead("000000001333", "Lê Hà", "0901234567", "12"),
                    4: lead("KH00012", "Lê Hà", "0901234567", "2026-11-24 08:00:00"),
                    5: bad("lost_digits in Mã KH"),
                    6: lead("999999999999999", "Lê Hà", "0901234567", "0.3"),
                    7: lead("141952217564315671", "Lê Hà", "0901234567", "FALSE", remarks="country_code"),
                    8: bad("lost_digits in Địa chỉ", "bad_customer_id in Mã KH"),
                },
                name="Khách",
            )
        ),
    )
    yield Case(
        "errors-and-formulas.xlsx",
        with_openpyxl(
            HEADERS,
            ("1001", "#N/A", "0901234567", "12 Lê Lợi"),
            ("1002", '=B2&"x"', "0901234567", "12 Lê Lợi"),
            ("=1002+1", "#REF!", "0901234567", None),
            AN,
            (None, None, None, "=A2"),
        ),
        read(
            sheet(
                {
                    2: bad("error_cell in Họ tên"),
                    3: bad("formula_without_value in Họ tên"),
                    4: bad("formula_without_value in Mã KH", "error_cell in Họ tên", "missing in Địa chỉ"),
                    5: LEAD_AN,
                    6: bad(
                        "formula_without_value in Địa chỉ",
                        "missing in Mã KH",
                        "missing in Họ tên",
                        "missing in SĐT",
                    ),
                },
                name="Khách",
            )
        ),
    )

    def formulas_with_values(_: Any, cells: Any) -> None:
        cells.write_row(0, 0, HEADERS)
        cells.write_row(1, 0, AN)
        cells.write_formula(1, 1, '="Nguyễn "&"Văn An"', None, "Nguyễn Văn An")
        cells.write_formula(1, 2, '="0"&901234567', None, "0901234567")
        cells.write_row(2, 0, BINH)
        # Excel would mark this one as text; without that, nothing tells it from a value that is not there.
        cells.write_formula(2, 3, '=""', None, "")
        cells.write_row(3, 0, BINH)
        cells.write_formula(3, 1, "=NA()", None, "#N/A")

    yield Case(
        "formulas-with-values.xlsx",
        with_xlsxwriter(formulas_with_values),
        read(
            sheet(
                {2: LEAD_AN, 3: bad("formula_without_value in Địa chỉ"), 4: bad("error_cell in Họ tên")},
                name="Khách",
            )
        ),
    )

    def texts(book: Any, cells: Any) -> None:
        bold = book.add_format({"bold": True})
        cells.write_row(0, 0, HEADERS)
        cells.write_row(1, 0, AN)
        cells.write_rich_string(1, 1, "Nguyễn ", bold, "Văn", " An")
        cells.write_string(1, 3, "  12 Lê Lợi\u00a0")
        cells.write_row(2, 0, BINH)
        cells.write_string(2, 3, "34 Hùng Vương\nPhường 1")
        cells.write_string(2, 1, "Trần Thị & <Bình>")
        cells.write_comment(2, 0, "khách quen")
        cells.write_url(3, 1, "https://example.com/", string="Nguyễn Văn An")
        for column in (0, 2, 3):
            cells.write_string(3, column, AN[column])

    yield Case(
        "rich-texts-and-links.xlsx",
        with_xlsxwriter(texts),
        read(
            sheet(
                {
                    2: LEAD_AN,
                    3: lead("1002", "Trần Thị & <Bình>", "0912345678", "34 Hùng Vương\nPhường 1"),
                    4: LEAD_AN,
                },
                name="Khách",
            )
        ),
    )

    def since_1904(book: Any) -> None:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
        book.active["D2"] = WRITTEN
        book.active["D3"] = datetime.date(1904, 3, 1)

    yield Case(
        "dates-since-1904.xlsm",
        with_openpyxl(HEADERS, AN, BINH, change=since_1904),
        read(
            sheet({2: lead(*AN[:3], "2026-11-24 08:00:00"), 3: lead(*BINH[:3], "1904-03-01")}, name="Khách")
        ),
    )


def _sheets() -> Iterator[Case]:
    def many(book: Any) -> None:
        book.create_chartsheet("Biểu đồ", 0)
        for name, state, rows in (
            ("Tháng '11'", "visible", (HEADERS, BINH)),
            ("Trống", "visible", ()),
            ("Cũ", "hidden", (HEADERS, AN)),
            ("Rất cũ", "veryHidden", (HEADERS, AN)),
            ("Ghi chú", "visible", (("Việc", "Ai"), ("gọi lại", "An"))),
        ):
            more = book.create_sheet(name)
            more.sheet_state = state
            for row in rows:
                more.append(row)

    yield Case(
        "many-sheets.xlsx",
        with_openpyxl(HEADERS, AN, change=many),
        read(
            sheet({2: LEAD_AN}, name="Khách"),
            sheet({2: LEAD_BINH}, name="Tháng '11'"),
            notices=["'Cũ', 'Rất cũ'", "left out a sheet"],
        ),
    )


def _legacy() -> Iterator[Case]:
    people = (
        ("1001", "Nguyễn Văn An", "0901234567", "Phường Bến Nghé"),
        ("1002", "Đặng Quốc Vượng", "0912345678", "Quận Bình Thạnh"),
        ("1003", "Huỳnh Thuý Quyên", "0987654321", "Buôn Ma Thuột"),
    )
    found = {number: lead(*person) for number, person in enumerate(people, 2)}
    encoders: dict[str, tuple[str, Callable[[str], bytes]]] = {
        "tcvn3": (".VnTime", in_tcvn3),
        "vni": ("VNI-Times", in_vni),
    }
    for name, (font, encode) in encoders.items():
        rows = [[encode(text).decode("cp1252") for text in row] for row in (HEADERS, *people)]

        def in_font(book: Any, font: str = font) -> None:
            for row in book.active.iter_rows():
                for cell in row:
                    cell.font = Font(name=font)

        yield Case(
            f"{name}-fonts.xlsx",
            with_openpyxl(*rows, change=in_font),
            read(sheet(found, name="Khách"), notices=[f"read as {name}"]),
        )


RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def _by_hand() -> Iterator[Case]:
    def inline(text: str) -> str:
        return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'

    rows = "".join(f"<row>{''.join(map(inline, row))}</row>" for row in (HEADERS, AN, BINH))
    yield Case(
        "cells-without-references.xlsx", _xlsx(rows), read(sheet({2: LEAD_AN, 3: LEAD_BINH}, name="A"))
    )
    prefixed = "".join(
        f'<x:row r="{number}">'
        + "".join(
            f'<x:c r="{letter}{number}" t="inlineStr"><x:is><x:t>{text}</x:t></x:is></x:c>'
            for letter, text in zip("ABCD", row, strict=True)
        )
        + "</x:row>"
        for number, row in enumerate((HEADERS, AN), 1)
    )
    error = '<x:row r="3"><x:c r="A3" t="e"><x:v>#N/A</x:v></x:c><x:c r="B3"><x:f>A1</x:f></x:c></x:row>'
    yield Case(
        "prefixed-tags.xlsx",
        _xlsx(prefixed + error, prefix="x:"),
        read(
            sheet(
                {
                    2: LEAD_AN,
                    3: bad(
                        "error_cell in Mã KH",
                        "formula_without_value in Họ tên",
                        "missing in SĐT",
                        "missing in Địa chỉ",
                    ),
                },
                name="A",
            )
        ),
    )
    phonetic = rows.replace(
        '<t xml:space="preserve">Nguyễn Văn An</t>',
        '<r><t xml:space="preserve">Nguyễn </t></r><r><t>Văn An</t></r>'
        '<rPh sb="0" eb="1"><t>グエン</t></rPh>',
    ).replace("12 Lê Lợi", "12 Lê_x0020_Lợi")
    yield Case("phonetic-runs.xlsx", _xlsx(phonetic), read(sheet({2: LEAD_AN, 3: LEAD_BINH}, name="A")))
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    yield Case("one-cell-in-the-last-corner.xlsx", _xlsx(far), refused("as far out as XFD1048576"))
    yield Case("text-named-as-a-workbook.xlsx", "Mã KH;SĐT\n1;2\n".encode(), refused("perhaps text"))
    content = with_openpyxl(HEADERS, AN)
    yield Case("cut-short.xlsx", content[: len(content) * 2 // 3], refused("damaged"))
    yield Case("workbook-named-as-text.csv", content, refused("a workbook or archive (zip)"))
    yield Case(
        "by-hand.xlsb",
        _xlsb(),
        read(
            sheet(
                {
                    2: LEAD_AN,
                    3: lead("000123", "Trần Thị Bình", "0912345678", "34 Hùng Vương", remarks="lost_zero"),
                    4: bad("error_cell in Họ tên"),
                },
                name="Khách",
            ),
            notices=["rows that are hidden (1) are read"],
        ),
    )


def _xlsx(rows: str, prefix: str = "") -> bytes:
    declared = f'xmlns{":" + prefix[:-1] if prefix else ""}="{MAIN}"'
    return zipped(
        {
            "[Content_Types].xml": b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
            "xl/workbook.xml": (
                f'<{prefix}workbook {declared} xmlns:r="{RELATIONS}"><{prefix}sheets>'
                f'<{prefix}sheet name="A" sheetId="1" r:id="rId1"/></{prefix}sheets></{prefix}workbook>'
            ).encode(),
            "_rels/.rels": _relationships("xl/workbook.xml", "officeDocument"),
            "xl/_rels/workbook.xml.rels": _relationships("worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": (
                f"<{prefix}worksheet {declared}><{prefix}sheetData>{rows}</{prefix}sheetData>"
                f"</{prefix}worksheet>"
            ).encode(),
        }
    )


def _relationships(target: str, kind: str = "worksheet") -> bytes:
    return (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{RELATIONS}/{kind}" Target="{target}"/></Relationships>'
    ).encode()


def _record(kind: int, data: bytes = b"") -> bytes:
    # [MS-XLSB] section 2.1.4: a kind and a size of seven bits a byte, the lowest first.
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size = bytes([len(data)]) if len(data) < 0x80 else bytes([len(data) & 0x7F | 0x80, len(data) >> 7])
    return head + size + data


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _xlsb() -> bytes:
    """Return a workbook in the binary format, which no library writes.

    It has texts, numbers, one with a format, an error and a hidden row.
    """

    def row(number: int, *cells: bytes, hidden: bool = False) -> bytes:
        head = struct.pack("<IIHBB", number, 0, 300, 0, 0x10 if hidden else 0) + bytes(5)
        return _record(0, head) + b"".join(cells)

    def text(column: int, value: str) -> bytes:
        return _record(6, struct.pack("<II", column, 0) + _wide(value))

    def number(column: int, value: float, style: int = 0) -> bytes:
        return _record(5, struct.pack("<IId", column, style, value))

    binh = [text(1, BINH[1]), number(2, 912345678), text(3, BINH[3])]
    cells = (
        row(0, *(text(*cell) for cell in enumerate(HEADERS)))
        + row(1, *(text(*cell) for cell in enumerate(AN)), hidden=True)
        + row(2, number(0, 123, 1), *binh)
        + row(3, text(0, "1003"), _record(3, struct.pack("<IIB", 1, 0, 0x2A)), *binh[1:])
    )
    dimension = _record(148, struct.pack("<IIII", 0, 3, 0, 3))
    styles = (
        _record(278)
        + _record(615, struct.pack("<I", 1))
        + _record(44, struct.pack("<H", 164) + _wide("000000"))
        + _record(616)
        + _record(617, struct.pack("<I", 2))
        + _record(47, struct.pack("<HH", 0xFFFF, 0) + bytes(12))
        + _record(47, struct.pack("<HH", 0xFFFF, 164) + bytes(12))
        + _record(618)
        + _record(279)
    )
    book = (
        _record(131)
        + _record(143)
        + _record(156, struct.pack("<II", 0, 1) + _wide("rId1") + _wide("Khách"))
        + _record(144)
        + _record(132)
    )
    return zipped(
        {
            "[Content_Types].xml": b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
            "xl/workbook.bin": book,
            "_rels/.rels": _relationships("xl/workbook.bin", "officeDocument"),
            "xl/_rels/workbook.bin.rels": _relationships("worksheets/sheet1.bin"),
            "xl/styles.bin": styles,
            "xl/worksheets/sheet1.bin": _record(129)
            + dimension
            + _record(145)
            + cells
            + _record(146)
            + _record(130),
        }
    )
