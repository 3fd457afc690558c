"""Write sample_data/: leads of invented people for each template, and one file with every kind of bad row.

Run as ``python tests/make_sample_data.py``. The same files come out each time, byte for byte.
"""

from __future__ import annotations

import csv
import datetime
import io
import random
import unicodedata
import zipfile
from collections.abc import Sequence
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]

FOLDER = Path(__file__).parent.parent / "sample_data"
SEED = 1333
WRITTEN = datetime.datetime(2026, 11, 24, 8, 0, 0)

FAMILY_NAMES = (
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Hoàng",
    "Huỳnh",
    "Phan",
    "Võ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Ngô",
    "Dương",
)
MIDDLE_NAMES = (
    "Thị",
    "Văn",
    "Hữu",
    "Đức",
    "Ngọc",
    "Minh",
    "Thanh",
    "Quốc",
    "Bảo",
    "Gia",
    "Khánh",
    "Xuân",
    "Hồng",
)
GIVEN_NAMES = (
    *(
        "Anh",
        "Bình",
        "Châu",
        "Dũng",
        "Đạt",
        "Giang",
        "Hà",
        "Hiếu",
        "Hương",
        "Khoa",
        "Lan",
        "Linh",
        "Long",
        "Mai",
    ),
    *(
        "Nam",
        "Ngân",
        "Nhung",
        "Phúc",
        "Quân",
        "Quỳnh",
        "Sơn",
        "Thảo",
        "Thắng",
        "Trang",
        "Tú",
        "Uyên",
        "Vy",
        "Yến",
    ),
)

# Streets, then the wards, districts and province that they may lie in.
PLACES = (
    (("Nguyễn Văn Cừ", "Trần Hưng Đạo", "An Dương Vương"), "Phường 2, Quận 5, TP. Hồ Chí Minh"),
    (("Lê Văn Sỹ", "Trần Quang Diệu", "Kỳ Đồng"), "Phường 14, Quận 3, TP. Hồ Chí Minh"),
    (("Kim Mã", "Giang Văn Minh", "Liễu Giai"), "Phường Kim Mã, Quận Ba Đình, Hà Nội"),
    (("Cầu Giấy", "Xuân Thủy", "Trần Thái Tông"), "Phường Dịch Vọng Hậu, Quận Cầu Giấy, Hà Nội"),
    (("Bạch Đằng", "Nguyễn Thị Minh Khai", "Lê Lợi"), "Phường Hải Châu I, Quận Hải Châu, Đà Nẵng"),
    (("Lạch Tray", "Tô Hiệu", "Cầu Đất"), "Phường Cầu Đất, Quận Ngô Quyền, Hải Phòng"),
    (("Hai Bà Trưng", "Đề Thám", "Mậu Thân"), "Phường An Phú, Quận Ninh Kiều, Cần Thơ"),
    (("Hùng Vương", "Đống Đa", "Nguyễn Huệ"), "Phường Vĩnh Ninh, Thành phố Huế, Thừa Thiên Huế"),
    (("Phan Đình Phùng", "Hải Thượng", "Bùi Thị Xuân"), "Phường 2, Thành phố Đà Lạt, Lâm Đồng"),
    (("Đại lộ Bình Dương", "Yersin", "Phú Lợi"), "Phường Phú Cường, Thành phố Thủ Dầu Một, Bình Dương"),
    (("Lê Hồng Phong", "Quang Trung", "Thái Nguyên"), "Phường Phước Hải, Thành phố Nha Trang, Khánh Hòa"),
    (("Nguyễn Sỹ Sách", "Phong Định Cảng", "Hồ Tùng Mậu"), "Phường Trường Thi, Thành phố Vinh, Nghệ An"),
)
MOBILE_PREFIXES = ("032", "036", "038", "056", "070", "079", "081", "088", "090", "091", "093", "097", "098")
PROVINCE_CODES = ("001", "031", "046", "048", "056", "068", "074", "079", "092")

COLUMNS = {
    "1": ("customer_id", "name", "phone", "address"),
    "2": ("customer_id", "name", "phone", "identity_number"),
    "3": ("customer_id", "email", "phone"),
}
VIETNAMESE = {
    "customer_id": "Mã KH",
    "name": "Họ tên",
    "phone": "SĐT",
    "address": "Địa chỉ",
    "identity_number": "CCCD",
    "email": "Email",
}
ROWS = {"1": 40, "2": 30, "3": 25}

# The example that the documentation of the lead API gives.
FIRST_LEAD = ("1333", "John", "090123443", "101 Nguyen Van Cu")

Lead = dict[str, str]


def invented_lead(chance: random.Random, customer_ids: set[str]) -> Lead:
    """Return one lead with every field, its customer id unlike all in `customer_ids`, and add it there."""
    while True:
        digits = chance.choice((4, 6, 8, 8, 10, 18))
        customer_id = str(chance.randrange(10 ** (digits - 1), 10**digits))
        if customer_id not in customer_ids:
            customer_ids.add(customer_id)
            break
    family, middle, given = map(chance.choice, (FAMILY_NAMES, MIDDLE_NAMES, GIVEN_NAMES))
    streets, district = chance.choice(PLACES)
    number = f"{chance.randrange(1, 400)}" + chance.choice(("", "", "", "/7", "A", "/12/3"))
    year = chance.randrange(60, 100)
    return {
        "customer_id": customer_id,
        "name": f"{family} {middle} {given}",
        "phone": f"{chance.choice(MOBILE_PREFIXES)}{chance.randrange(10**7):07}",
        "address": f"{number} {chance.choice(streets)}, {district}",
        "identity_number": f"{chance.choice(PROVINCE_CODES)}{chance.randrange(2)}{year}"
        f"{chance.randrange(10**6):06}",
        "email": f"{plain(given)}.{plain(family)}{year}@example.com",
    }


def plain(name: str) -> str:
    """Return `name` in lower case without accents, as in an e-mail address."""
    signs = unicodedata.normalize("NFD", name.lower().replace("đ", "d"))
    return "".join(sign for sign in signs if sign.isascii())


def leads(template: str, kind: str) -> list[tuple[str, ...]]:
    """Return the rows of the sample file of this `template` and `kind` of file, without the headers."""
    chance = random.Random(f"{SEED} {template} {kind}")  # noqa: S311  no secret is made here
    customer_ids: set[str] = {FIRST_LEAD[0]}
    made = [invented_lead(chance, customer_ids) for _ in range(ROWS[template])]
    rows = [tuple(lead[column] for column in COLUMNS[template]) for lead in made]
    if template == "1" and kind == "csv":
        rows[0] = FIRST_LEAD
    return rows


def write_csv(path: Path, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a CSV as Excel's "CSV UTF-8" is: with a byte order mark and CRLF."""
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows([headers, *rows])


def write_workbook(path: Path, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a workbook of text cells with a styled header row."""
    book = openpyxl.Workbook()
    book.properties.creator = "make_sample_data.py"
    book.properties.created = WRITTEN
    sheet = book.active
    sheet.title = "Khách hàng"
    sheet.append(list(headers))
    for row in rows:
        sheet.append(list(row))
    for cell in sheet[1]:
        cell.font = openpyxl.styles.Font(bold=True, color="FFFFFF")
        cell.fill = openpyxl.styles.PatternFill("solid", fgColor="1A94FF")
        cell.alignment = openpyxl.styles.Alignment(horizontal="center")
    for position, cells in enumerate(sheet.iter_cols(), 1):
        for cell in cells:
            cell.number_format = "@"
        width = max(len(str(cell.value)) for cell in cells)
        sheet.column_dimensions[openpyxl.utils.get_column_letter(position)].width = width + 3
    sheet.freeze_panes = "A2"
    written = io.BytesIO()
    book.save(written)
    path.write_bytes(with_fixed_times(written.getvalue()))


def with_fixed_times(workbook: bytes) -> bytes:
    """Return the bytes of a `workbook` as they would be had it been saved when its properties say."""
    fixed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as source,
        zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "docProps/core.xml":
                # openpyxl writes the time of saving as that of the last change.
                start = content.index(b"W3CDTF", content.index(b"<dcterms:modified")) + len(b'W3CDTF">')
                stop = content.index(b"<", start)
                content = content[:start] + f"{WRITTEN:%Y-%m-%dT%H:%M:%SZ}".encode() + content[stop:]
            information = zipfile.ZipInfo(entry.filename, WRITTEN.timetuple()[:6])
            information.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(information, content)
    return fixed.getvalue()


def write_bad_rows(path: Path) -> None:
    """Write a CSV in which each bad row says in its note what is wrong; some lines no writer would make."""
    lines = (
        "customer_id,name,phone,address,note",
        '1333,John,090123443,101 Nguyen Van Cu,"good: the example of the documentation"',
        ',Trần Thị Lan,0901000001,"12 Lê Lợi, Đà Nẵng",missing: there is no customer id',
        '20001,,0901000002,"14 Lê Lợi, Đà Nẵng",missing: there is no name',
        '20002,Lê Văn Bình,,"16 Lê Lợi, Đà Nẵng",missing: there is no phone',
        "20003,Phạm Ngọc Hà,0901000004,,missing: there is no address",
        '20004,Đỗ Minh Khoa,0901000005,"18 Lê Lợi, Đà Nẵng",good',
        '20005,Võ Thanh Mai,090 gọi sau 5 giờ,"20 Lê Lợi, Đà Nẵng",letters_in_phone: a remark in the phone',
        '20006,Bùi Quốc Nam,#0901000007,"22 Lê Lợi, Đà Nẵng",bad_phone: a sign that no phone number has',
        '1.41952E+17,Hồ Bảo Vy,0901000008,"24 Lê Lợi, Đà Nẵng",lost_digits: the id became a float',
        '141952217564315696.0,Hồ Bảo Yến,0901000009,"26 Lê Lợi, Đà Nẵng",lost_digits: and so did this one',
        '20007,Ngô Đức Long,9.01E+08,"28 Lê Lợi, Đà Nẵng",lost_digits: the phone became a float',
        '20008 20009,Dương Gia Phúc,0901000010,"30 Lê Lợi, Đà Nẵng",bad_customer_id: two ids in one cell',
        "",
        '20010,Lý Hồng Nhung,0901000011,"32 Lê Lợi, Đà Nẵng",good: the blank row above counts but is no row',
        "20011,Mai Văn Sơn,0901000012,34 Lê Lợi, Đà Nẵng,too_many_cells: an address without quotation marks",
        '20012,"Đinh Thị Thảo,0901000013,36 Lê Lợi,stray_quote: a mark opens and never closes',
        '20013,Phan Xuân "Tú,0901000014,38 Lê Lợi,stray_quote: a mark in the middle of a cell',
        '20014,"Vũ Hữu" Đạt,0901000015,40 Lê Lợi,stray_quote: text after the closing mark',
        '20015,"Đặng ""Tí"" Uyên",0901000016,"Công ty Mây Xanh\n42 Lê Lợi, Đà Nẵng",good: as it should be',
        '20004,Đỗ Minh Khoa,0901000005,"18 Lê Lợi, Đà Nẵng",duplicate: the same lead stands above',
        '  20004 ,Đỗ Minh Khoa , 0901000005,"18 Lê Lợi, Đà Nẵng",duplicate: blanks make no difference',
        '20016,Hoàng Khánh Linh,0901000017,"44 Lê Lợi, Đà Nẵng",good',
        '20017,Tạ Minh Châu,0901000018 / 0901000019,"46 Lê Lợi, Đà Nẵng",two_phones: one is to be left',
        '20018,Cao Thị Ngân,841000020,"48 Lê Lợi, Đà Nẵng",ambiguous_phone: a zero or the rest is missing',
        '20019,Chu Văn Dũng,+84 901 000 021,"50 Lê Lợi, Đà Nẵng",good: the country code is repaired',
        '20020,Lâm Thu Giang,901000022,"52 Lê Lợi, Đà Nẵng",good: the zero that Excel dropped is repaired',
        '20021,Tô Hữu Hiếu,01691000023,"54 Lê Lợi, Đà Nẵng",good: the prefix retired in 2018 is repaired',
    )
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8-sig", newline="")


def main() -> None:
    """Write every sample file anew."""
    FOLDER.mkdir(exist_ok=True)
    for template, columns in COLUMNS.items():
        write_csv(FOLDER / f"template-{template}.csv", columns, leads(template, "csv"))
        headers = [VIETNAMESE[column] for column in columns]
        write_workbook(FOLDER / f"template-{template}.xlsx", headers, leads(template, "xlsx"))
    write_bad_rows(FOLDER / "every-kind-of-bad-row.csv")


if __name__ == "__main__":
    main()
