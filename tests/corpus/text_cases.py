"""Text files as exports, mail and copying leave them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from tests.corpus.cases import Case, bad, lead, read, refused, sheet
from tests.test_sheets_encodings import in_tcvn3, in_vni, in_windows_1258

HEADERS = "Mã KH,Họ tên,SĐT,Địa chỉ"
AN = "1001,Nguyễn Văn An,0901234567,12 Lê Lợi"
BINH = "1002,Trần Thị Bình,0912345678,34 Hùng Vương"
LEAD_AN = lead("1001", "Nguyễn Văn An", "0901234567", "12 Lê Lợi")
LEAD_BINH = lead("1002", "Trần Thị Bình", "0912345678", "34 Hùng Vương")
BOTH = {2: LEAD_AN, 3: LEAD_BINH}


def lines(*records: str, end: str = "\n") -> str:
    """Return the text of a file with these records."""
    return "".join(record + end for record in records)


def text_cases() -> Iterator[Case]:
    """Yield the text files of the corpus."""
    yield from _encodings()
    yield from _delimiters()
    yield from _shapes()
    yield from _quotes()
    yield from _values()
    yield from _refused()


def _encodings() -> Iterator[Case]:
    plain = lines(HEADERS, AN, BINH)
    yield Case("utf-8-bom.csv", plain.encode("utf-8-sig"), read(sheet(BOTH)))
    yield Case("packed.csv.gz", gzip.compress(plain.encode(), mtime=0), read(sheet(BOTH)))
    tabs = plain.replace(",", "\t").replace("\n", "\r\n")
    yield Case("unicode-text-of-excel.txt", b"\xff\xfe" + tabs.encode("utf-16-le"), read(sheet(BOTH)))
    yield Case("utf-16-be.csv", b"\xfe\xff" + plain.encode("utf-16-be"), read(sheet(BOTH)))
    decomposed = plain.replace("ễ", "e\u0302\u0303").replace("Đ", "Đ")
    yield Case("decomposed-from-a-mac.csv", decomposed.encode(), read(sheet(BOTH)))
    more = lines(
        HEADERS,
        AN,
        "1002,Đặng Quốc Vượng,0912345678,Phường Bến Nghé",
        "1003,Huỳnh Thuý Quyên,0987654321,Buôn Ma Thuột",
    )
    found = {
        2: LEAD_AN,
        3: lead("1002", "Đặng Quốc Vượng", "0912345678", "Phường Bến Nghé"),
        4: lead("1003", "Huỳnh Thuý Quyên", "0987654321", "Buôn Ma Thuột"),
    }
    for name, encode in (("windows-1258", in_windows_1258), ("tcvn3", in_tcvn3), ("vni", in_vni)):
        yield Case(f"{name}.csv", encode(more), read(sheet(found), notices=[f"read as {name}"]))
    wrongly = lines(HEADERS, AN).replace(
        "Nguyễn Văn An", "Nguyễn Văn An".encode().decode("cp1258", "replace")
    )
    broken = "Nguyễn Văn An".encode().decode("cp1258", "replace")
    yield Case(
        "decoded-wrongly-once.csv",
        wrongly.encode(),
        read(sheet({2: lead("1001", broken, "0901234567", "12 Lê Lợi", remarks="decoded_wrongly")})),
    )


def _delimiters() -> Iterator[Case]:
    plain = lines(HEADERS, AN, BINH)
    yield Case("semicolons.csv", plain.replace(",", ";").encode(), read(sheet(BOTH)))
    # Excel hides the line, so it is not counted.
    yield Case(
        "sep-line.csv",
        ("sep=;\r\n" + plain.replace(",", ";").replace("\n", "\r\n")).encode(),
        read(sheet(BOTH)),
    )
    yield Case(
        "pipes-and-carriage-returns.txt",
        plain.replace(",", "|").replace("\n", "\r").encode(),
        read(sheet(BOTH)),
    )
    yield Case("tabs.tsv", plain.replace(",", "\t").encode(), read(sheet(BOTH)))
    yield Case(
        "commas-in-semicolons.csv",
        lines(
            HEADERS.replace(",", ";"), "1001;Nguyễn Văn An;0901234567;12 Lê Lợi, Quận 1, TP. Hồ Chí Minh"
        ).encode(),
        read(sheet({2: lead("1001", "Nguyễn Văn An", "0901234567", "12 Lê Lợi, Quận 1, TP. Hồ Chí Minh")})),
    )


def _shapes() -> Iterator[Case]:
    yield Case(
        "titles-and-totals.csv",
        lines(
            "CÔNG TY TNHH MINH HOẠ,,,",
            "Danh sách khách hàng tháng 11/2026,,,",
            ",,,",
            HEADERS,
            AN,
            HEADERS,
            BINH,
            "Tổng cộng,,2,",
        ).encode(),
        read(
            sheet({5: LEAD_AN, 6: bad("repeated_header"), 7: LEAD_BINH, 8: bad("total_row")}, header_row=4),
            notices=["the headers are in row 4"],
        ),
    )
    yield Case(
        "blank-rows-and-columns.csv",
        lines(
            "",
            ",Mã KH,,Họ tên,SĐT,Địa chỉ,",
            ",,,,,,",
            ",1001,,Nguyễn Văn An,0901234567,12 Lê Lợi,",
            " , ,,,,,",
            ",1002,x,Trần Thị Bình,0912345678,34 Hùng Vương,",
        ).encode(),
        read(sheet({4: LEAD_AN, 6: LEAD_BINH}, header_row=2)),
    )
    yield Case(
        "ragged-rows.csv",
        lines(HEADERS, AN + ",,", "1002,Trần Thị Bình", BINH + ",thừa", "1004").encode(),
        read(
            sheet(
                {
                    2: LEAD_AN,
                    3: bad("missing in SĐT", "missing in Địa chỉ"),
                    4: bad("too_many_cells"),
                    5: bad("missing in Họ tên", "missing in SĐT", "missing in Địa chỉ"),
                }
            )
        ),
    )
    yield Case(
        "english-headers-in-another-order.csv",
        lines(
            "Address,Full Name,Note,Phone Number,Customer Code",
            "12 Lê Lợi,Nguyễn Văn An,gọi sáng,0901234567,1001",
        ).encode(),
        read(sheet({2: LEAD_AN})),
    )
    yield Case(
        "headers-only.csv", lines(HEADERS).encode(), read(sheet({}), notices=["has headers and no rows"])
    )
    yield Case("no-line-end-at-the-end.csv", f"{HEADERS}\n{AN}\n{BINH}".encode(), read(sheet(BOTH)))


def _quotes() -> Iterator[Case]:
    yield Case(
        "line-breaks-in-cells.csv",
        lines(
            '"Mã\nKH",Họ tên,SĐT,Địa chỉ',
            '1001,"Nguyễn ""Ba"" An",0901234567,"12 Lê Lợi\nQuận 1"',
            BINH,
            end="\r\n",
        ).encode(),
        # A row is a record; its number counts records, as the spreadsheet does.
        read(sheet({2: lead("1001", 'Nguyễn "Ba" An', "0901234567", "12 Lê Lợi\nQuận 1"), 3: LEAD_BINH})),
    )
    yield Case(
        "stray-quotes.csv",
        lines(
            HEADERS,
            '1001,Nguyễn "Ba An,0901234567,12 Lê Lợi',
            BINH,
            '1003,"Lê Ba,0987654321,5 Trần Phú',
            BINH,
        ).encode(),
        read(sheet({2: bad("stray_quote"), 3: LEAD_BINH, 4: bad("stray_quote"), 5: LEAD_BINH})),
    )
    yield Case(
        "everything-quoted.csv",
        lines(
            *('"' + record.replace(",", '","') + '"' for record in (HEADERS, AN, BINH)), end="\r\n"
        ).encode(),
        read(sheet(BOTH)),
    )


def _values() -> Iterator[Case]:
    rows = {
        "+84 90 123 45 67": ("0901234567", "separators country_code"),
        "84901234567": ("0901234567", "country_code"),
        "901234567": ("0901234567", "lost_zero"),
        "901234567.0": ("0901234567", "decimals lost_zero"),
        "01691234567": ("0391234567", "retired_prefix"),
        "0901.234.567": ("0901234567", "separators"),
        "'0901234567": ("0901234567", "apostrophe"),
        "０９０１２３４５６７": ("0901234567", "wide_digits"),
        "\u200b0901234567\u00a0": ("0901234567", ""),
        "090\u00a0123\u20094567": ("0901234567", "invisible_signs separators"),
        "0111234567": ("0111234567", "implausible_phone"),
        "0901234567 / 0912345678": "two_phones",
        "0901234567 (mẹ)": "letters_in_phone",
        "9.01235E+08": "lost_digits",
        "841234567": "ambiguous_phone",
        "không có": "letters_in_phone",
    }
    records = [HEADERS]
    found = {}
    for number, (written, expected) in enumerate(rows.items(), 2):
        records.append(f"10{number:02},Nguyễn Văn An,{written},12 Lê Lợi")
        if isinstance(expected, str):
            found[number] = bad(f"{expected} in SĐT")
        else:
            phone, remarks = expected
            found[number] = lead(f"10{number:02}", "Nguyễn Văn An", phone, "12 Lê Lợi", remarks=remarks)
    yield Case("phones.csv", lines(*records).encode(), read(sheet(found)))

    identity = ("name", "phone", "identity_number")

    def person(customer_id: str, number: str, remarks: str = "") -> dict[str, object]:
        return lead(customer_id, "Lê Thị Hà", "0901234567", number, remarks=remarks, fields=identity)

    numbers = [
        "001199012345",
        "1199012345",
        "79190001234",
        "12345678",
        "123456789",
        "1199012345.0",
        "9999999999",
        "00119901234A",
    ]
    yield Case(
        "identity-numbers.csv",
        lines(
            "Mã KH;Họ và tên;Điện thoại;Số CMND/CCCD",
            *(f"20{at};Lê Thị Hà;0901234567;{number}" for at, number in enumerate(numbers)),
        ).encode(),
        read(
            sheet(
                {
                    2: person("200", "001199012345"),
                    3: person("201", "001199012345", "lost_zeros"),
                    4: person("202", "079190001234", "lost_zeros"),
                    5: person("203", "012345678", "lost_zeros"),
                    6: person("204", "123456789"),
                    7: person("205", "001199012345", "decimals lost_zeros"),
                    8: bad("bad_identity_number in Số CMND/CCCD"),
                    9: bad("bad_identity_number in Số CMND/CCCD"),
                }
            )
        ),
    )
    ids = [
        "141952217564315671",
        "1333.0",
        "1.41952E+17",
        "KH 12",
        "0012",
        "KH-12",
        "1333.5",
        "141952217564315671.0",
    ]
    yield Case(
        "customer-ids.csv",
        lines(HEADERS, *(f"{number},Lê Thị Hà,0901234567,5 Trần Phú" for number in ids)).encode(),
        read(
            sheet(
                {
                    2: lead("141952217564315671", "Lê Thị Hà", "0901234567", "5 Trần Phú"),
                    3: lead("1333", "Lê Thị Hà", "0901234567", "5 Trần Phú", remarks="decimals"),
                    4: bad("lost_digits in Mã KH"),
                    5: bad("bad_customer_id in Mã KH"),
                    6: lead("0012", "Lê Thị Hà", "0901234567", "5 Trần Phú"),
                    7: lead("KH-12", "Lê Thị Hà", "0901234567", "5 Trần Phú"),
                    8: bad("bad_customer_id in Mã KH"),
                    9: bad("lost_digits in Mã KH"),
                }
            )
        ),
    )
    yield Case(
        "words-that-other-tools-take-for-nothing.csv",
        lines(
            HEADERS,
            "1001,NA,0901234567,null",
            "1002,None,0912345678,TRUE",
            "1003,NaN,0987654321,#N/A của tôi",
            "1004,,0987654321,-",
        ).encode(),
        read(
            sheet(
                {
                    2: lead("1001", "NA", "0901234567", "null"),
                    3: lead("1002", "None", "0912345678", "TRUE"),
                    4: lead("1003", "NaN", "0987654321", "#N/A của tôi"),
                    5: bad("missing in Họ tên"),
                }
            )
        ),
    )
    yield Case(
        "emails.csv",
        lines(
            "Mã KH,Email,SĐT",
            "1001,an@example.com,0901234567",
            "1002,binh.example.com,0912345678",
            "1003, ha@example.com ,0987654321",
            "1004,an@localhost.test,0987654321",
        ).encode(),
        read(
            sheet(
                {
                    2: lead("1001", "an@example.com", "0901234567", fields=("email", "phone")),
                    3: bad("bad_email in Email"),
                    4: lead("1003", "ha@example.com", "0987654321", fields=("email", "phone")),
                    5: lead(
                        "1004",
                        "an@localhost.test",
                        "0987654321",
                        remarks="implausible_email",
                        fields=("email", "phone"),
                    ),
                }
            )
        ),
    )


def _refused() -> Iterator[Case]:
    plain = lines(HEADERS, AN, BINH)
    yield Case(
        "nul-bytes.csv", lines(HEADERS, AN + "\0", BINH).encode(), refused("row 2: there are NUL bytes")
    )
    yield Case("cut-within-a-letter.csv", plain.encode()[:-6] + b"\xc6", refused("row 3"))
    yield Case(
        "two-columns-of-phones.csv",
        lines("Mã KH,Họ tên,SĐT,Điện thoại,Địa chỉ", "1001,An,0901234567,0912345678,x").encode(),
        refused("'SĐT', 'Điện thoại' all fit phone"),
    )
    yield Case(
        "no-headers-of-leads.csv", lines("Sản phẩm,Giá", "Áo,100000").encode(), refused("no column for")
    )
    yield Case(
        "web-page.csv",
        b"<html><body><table><tr><td>1</td></tr></table></body></html>",
        refused("a web page or XML"),
    )
    yield Case(
        "web-page.xls",
        b"<html><body><table><tr><td>1</td></tr></table></body></html>",
        refused("a web page or XML"),
    )
