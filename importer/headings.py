"""What of a header counts, and whom a heading over several headers is about. Pure."""

from __future__ import annotations

import re
import unicodedata


def fold(header: str) -> str:
    r"""Return what of a header counts: letters and digits, without accents and case.

    >>> fold("Số điện\nthoại (*)")
    'sodienthoai'
    """
    plain = unicodedata.normalize("NFKD", header).casefold().replace("đ", "d")
    return "".join(sign for sign in unicodedata.normalize("NFKD", plain) if sign.isalnum())


def spellings(header: str) -> tuple[str, ...]:
    """Return `header` folded, and once more without remarks in brackets on how to fill the column in.

    What else stands in brackets may say whose column it is, and stays.

    >>> spellings("Địa chỉ (ghi đầy đủ)"), spellings("SĐT (người thân)")
    (('diachighidaydu', 'diachi'), ('sdtnguoithan',))
    """
    whole, plain = fold(header), fold(_BRACKETS.sub(_unless_remark, header))
    return (whole,) if plain == whole else (whole, plain)


def _unless_remark(brackets: re.Match[str]) -> str:
    return "" if fold(brackets[1]) in _REMARKS else brackets[0]


_BRACKETS = re.compile(r"[(\[（]([^()\[\]（）]*)[)\]）]")
_REMARKS = frozenset(
    map(
        fold,
        (
            *("bắt buộc", "bắt buộc nhập", "không bắt buộc", "nếu có", "required", "optional", "if any"),
            *("đầy đủ", "ghi đầy đủ", "ghi rõ", "ghi rõ ràng", "chi tiết", "ghi chi tiết", "cụ thể", "full"),
            *("viết hoa", "viết liền", "có dấu", "không dấu", "in hoa", "theo CMND", "theo CCCD"),
            *("9 số", "10 số", "11 số", "12 số", "10 chữ số", "12 chữ số", "9 hoặc 12 số", "10-11 số"),
            *(
                "text",
                "dạng text",
                "kiểu text",
                "dạng chữ",
                "số",
                "dd/mm/yyyy",
                "khách hàng",
                "của khách hàng",
            ),
        ),
    )
)

_LEADS = (
    *("khách hàng", "khách", "kh", "khách vay", "người vay", "bên vay", "khoản vay"),
    *("người nộp đơn", "người nộp hồ sơ", "người đăng ký"),
    *("customer", "client", "lead", "applicant", "borrower"),
)
_OTHERS = (
    *("người thân", "người nhà", "gia đình", "vợ", "chồng", "vợ/chồng", "vợ hoặc chồng", "bố mẹ", "cha mẹ"),
    *("người phụ thuộc", "người thụ hưởng", "người bảo lãnh", "bảo lãnh", "người đồng vay", "đồng vay"),
    *("người tham chiếu", "tham chiếu", "người giới thiệu", "giới thiệu", "người liên hệ"),
    *("liên hệ khẩn cấp", "người liên hệ khẩn cấp", "nhân viên", "nv", "nhân viên kinh doanh", "nvkd"),
    *("nhân viên tư vấn", "tư vấn viên", "ctv", "cộng tác viên", "sale", "sales", "đại lý"),
    *("công ty", "cơ quan", "nơi làm việc", "doanh nghiệp", "relative", "spouse", "reference", "referrer"),
    *("guarantor", "emergency contact", "agent", "staff", "company", "employer"),
)

# What is said of nobody else, and so of the lead.
_PLAIN = frozenset(
    map(
        fold,
        (
            *("thông tin", "thông tin chung", "thông tin cơ bản", "thông tin cá nhân", "cá nhân"),
            *("thông tin liên hệ", "thông tin liên lạc", "thông tin định danh", "giấy tờ tùy thân"),
            *("general", "personal", "personal information", "contact information", "contact details"),
        ),
    )
)
_OF_LEADS = frozenset(map(fold, _LEADS))
_OF_OTHERS = frozenset(map(fold, _OTHERS))
_ABOUT = re.compile(r"^(?:thongtin|tt)(?:cua|ve)?|(?:information|info|details)$")
_NUMBER = re.compile(r"\d+$")


def is_about_the_lead(heading: str) -> bool:
    """Tell whether a heading over several headers says no more than that they are about the lead itself.

    >>> is_about_the_lead("Thông tin khách hàng"), is_about_the_lead("Khách hàng 2")
    (True, False)
    """
    name = fold(heading)
    return name in _PLAIN or _ABOUT.sub("", name) in _OF_LEADS


def is_about_others(heading: str) -> bool:
    """Tell whether a heading is known to be about somebody else: a relative, the staff, a company.

    >>> is_about_others("Người tham chiếu 1"), is_about_others("Danh sách tháng 5")
    (True, False)
    """
    return _NUMBER.sub("", _ABOUT.sub("", fold(heading))) in _OF_OTHERS
