"""One workbook with a bit of everything, which LibreOffice converts to its own and to old formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.corpus.cases import bad, lead, read, sheet
from tests.corpus.workbook_cases import AN, BINH, HEADERS, WRITTEN, with_xlsxwriter


def office_source() -> bytes:
    """Return the workbook that is converted."""

    def fill(book: Any, cells: Any) -> None:
        zeros, phone, day, hours = (
            book.add_format({"num_format": form})
            for form in ("000000000000", "0000 000 000", "dd/mm/yyyy", "[h]:mm:ss")
        )
        cells.merge_range(0, 0, 0, 3, "DANH SÁCH KHÁCH HÀNG")
        cells.write_row(2, 0, HEADERS)
        cells.write_row(3, 0, AN)
        cells.write_row(4, 0, BINH)
        cells.write_number(4, 0, 1333, zeros)
        cells.write_number(4, 2, 912345678, phone)
        cells.write_row(5, 0, BINH)
        cells.write_number(5, 0, 141952217564315671)
        cells.write_row(6, 0, BINH)
        cells.write_formula(6, 1, "=NA()", None, "#N/A")
        cells.write_row(7, 0, BINH)
        cells.write_formula(7, 3, "=1/0", None, "#DIV/0!")
        cells.write_row(8, 0, BINH)
        cells.write_formula(8, 3, "=30+4", None, 34)
        cells.write_row(9, 0, AN)
        cells.write_datetime(9, 3, WRITTEN.replace(hour=0), day)
        cells.write_row(10, 0, AN)
        cells.write_number(10, 3, 30.5 / 24, hours)
        cells.write_row(11, 0, AN)
        cells.write_boolean(11, 3, True)
        cells.write_row(13, 0, AN)
        cells.write_string(13, 3, "12 Lê Lợi\nQuận 1")
        cells.write_comment(13, 1, "khách quen")
        cells.set_row(13, None, None, {"hidden": True})
        cells.write_row(14, 0, HEADERS)
        cells.write_row(15, 0, ["Tổng cộng", "", 8])
        old = book.add_worksheet("Cũ")
        old.write_row(0, 0, HEADERS)
        old.hide()

    return with_xlsxwriter(fill)


def office_expected() -> Mapping[str, Any]:
    """Return what is to be read from it in any format."""
    return read(
        sheet(
            {
                4: lead(*AN),
                5: lead("000000001333", *BINH[1:]),
                6: bad("lost_digits in Mã KH"),
                7: bad("error_cell in Họ tên"),
                8: bad("error_cell in Địa chỉ"),
                9: lead(*BINH[:3], "34"),
                10: lead(*AN[:3], "2026-11-24"),
                11: lead(*AN[:3], "30:30:00"),
                12: lead(*AN[:3], "TRUE"),
                14: lead(*AN[:3], "12 Lê Lợi\nQuận 1"),
                15: bad("repeated_header"),
                16: bad("total_row"),
            },
            name="Khách",
            header_row=3,
        ),
        notices=["'Cũ'", "the headers are in row 3", "rows that are hidden (1) are read"],
    )
