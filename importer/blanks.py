"""An empty workbook to fill in: the headers of a template, every column as text, and an example row.

Text columns keep the zeros of phones and all digits of ids. Each cell says how its value is written (a data
validation with a prompt, ECMA-376 part 1, section 18.3.1.32). What the importer would refuse, the spreadsheet
stops; what it would repair, or send with a warning, the spreadsheet only asks about. Prompts are in
Vietnamese, then in English.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from importer.errors import MappingError, TemplateError, UsageError
from importer.examples import example_cell
from importer.language import _
from importer.mapping import choose_mapping, fold
from importer.results.replacing import in_place_of, refusal
from importer.templates import Field, Template, customer_id_field

SUFFIX = ".xlsx"
SHEET = "Leads"

REQUIRED_MARK = " *"
"""Follows the header of a field that must be filled in; matching headers disregards it."""

# What a sheet of Excel holds (specification "Worksheet size"), and how long a prompt can be.
_LAST_ROW = 1_048_575
_TITLE_LIMIT = 32
_MESSAGE_LIMIT = 255


@dataclass(frozen=True, slots=True)
class _Rule:
    """How the values of one kind are written, and what the spreadsheet does about others."""

    vietnamese: str
    english: str
    formula: str = ""
    """What is true of a good value, with ``{cell}`` for its cell; the blanks around it do not count."""

    style: Literal["stop", "warning"] = "stop"


_ANYTHING = _Rule("", "")

_RULES: Mapping[str, _Rule] = {
    "customer_id": _Rule(
        "Mã khách hàng Tiki, không có dấu cách.",
        "The Tiki customer id, without blanks.",
        '=ISERROR(FIND(" ",TRIM({cell})))',
    ),
    "phone": _Rule(
        "Một số điện thoại, giữ số 0 ở đầu: 10 hoặc 11 chữ số.",
        "One phone number with its zero in front: 10 or 11 digits.",
        "=AND(LEN(TRIM({cell}))>=10,LEN(TRIM({cell}))<=11,ISNUMBER(VALUE({cell})))",
        "warning",
    ),
    "identity_number": _Rule(
        "CCCD có 12 chữ số, CMND có 9 chữ số.",
        "A CCCD has 12 digits, a CMND 9.",
        "=AND(OR(LEN(TRIM({cell}))=9,LEN(TRIM({cell}))=12),ISNUMBER(VALUE({cell})))",
        "warning",
    ),
    "email": _Rule(
        "Một địa chỉ email, dạng ten@tenmien.",
        "One e-mail address, as name@domain.",
        '=AND(ISNUMBER(FIND("@",{cell})),ISERROR(FIND(" ",TRIM({cell}))))',
    ),
    "integer": _Rule("Một số nguyên, chỉ có chữ số.", "A whole number, digits only.", ""),
    "number": _Rule(
        "Một số, không có dấu phân cách hàng nghìn.", "A number, without separators of thousands.", ""
    ),
    "boolean": _Rule("Có hoặc Không.", "Yes (Có) or no (Không).", ""),
}
"""By kind for strings, else by type."""


def write_blank(path: Path, template: Template, *, replace: bool = False) -> None:
    """Write an empty workbook of `template` to `path`, whole or not at all.

    Raises :class:`UsageError` for another ending than .xlsx, for a file that is there already, unless it is
    to `replace` it, and for one that cannot be written; :class:`TemplateError` as :func:`blank_workbook`.
    """
    if path.suffix.casefold() != SUFFIX:
        raise UsageError(
            _(
                "{path}: an empty workbook is written as {ending}. Let the file's name end in it: -o {better}"
            ).format(path=path, ending=SUFFIX, better=f"{path.parent / (path.stem or 'leads')}{SUFFIX}")
        )
    content = blank_workbook(template)
    try:
        if path.exists() and not replace:
            raise UsageError(
                _(
                    "{path} is there already, and may hold leads. Name another file with -o, or replace "
                    "it with --force."
                ).format(path=path)
            )
        with in_place_of(path) as file:
            file.write(content)
    except OSError as error:
        raise UsageError(refusal(path, error)) from error


def blank_workbook(template: Template) -> bytes:
    """Return an empty workbook of `template`: the customer id first, then its inputs in their order.

    Raises :class:`TemplateError` if its headers would fit several fields.
    """
    fields = [customer_id_field(), *(field for field in template.fields if field.constant is None)]
    headers = [_header(field) for field in fields]
    try:
        choose_mapping(f"Template {template.name}", headers, [template])
    except MappingError as error:
        raise TemplateError(
            _(
                "Template {name}: two of its columns would fit the same field, so the workbook could "
                "not be read. Give each field a title that is no name, title or synonym of another "
                "one."
            ).format(name=template.name)
        ) from error
    # Imported where it is used: no other command needs it.
    from xlsxwriter import Workbook  # type: ignore[import-untyped]

    content = io.BytesIO()
    with Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet(SHEET)
        sheet.freeze_panes(1, 0)
        sheet.set_selection(2, 0, 2, 0)
        # Else Excel flags each phone, and turns it into a number without its zero at one click.
        sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{_LAST_ROW + 1}"})
        text = {"num_format": "@"}
        as_text = book.add_format(text)
        as_example = book.add_format({**text, "italic": True, "font_color": "#808080"})
        heading = {**text, "bold": True, "border": 1, "border_color": "#BFBFBF"}
        required = book.add_format({**heading, "bg_color": "#DDEBF7"})
        optional = book.add_format({**heading, "bg_color": "#F2F2F2"})
        for column, (field, header) in enumerate(zip(fields, headers, strict=True)):
            example = example_cell(field)
            sheet.set_column(column, column, _width(header, example), as_text)
            sheet.write_string(0, column, header, required if field.needs_column else optional)
            if example:
                sheet.write_string(1, column, example, as_example)
            sheet.data_validation(1, column, _LAST_ROW, column, _validation(column, field))
    return content.getvalue()


def _header(field: Field) -> str:
    # A title without letters and digits would fit no field.
    title = field.title if fold(field.title) else field.name
    return f"{title}{REQUIRED_MARK if field.needs_column else ''}"


def _width(*texts: str) -> int:
    return min(max(14, *(len(text) + 3 for text in texts)), 45)


def _validation(column: int, field: Field) -> dict[str, Any]:
    from xlsxwriter.utility import xl_rowcol_to_cell  # type: ignore[import-untyped]

    rule = _RULES.get(field.kind if field.type == "string" else field.type, _ANYTHING)
    need = "Bắt buộc / Required" if field.needs_column else "Có thể để trống / May be left empty"
    example = f"Ví dụ / Example: {field.example}" if field.example else ""
    title = _clipped(field.title, _TITLE_LIMIT)
    form = [rule.vietnamese, rule.english]
    prompt = {"input_title": title, "input_message": _lines([*form, field.hint, need, example])}
    if choices := _choices(field):
        # What differs in case and accents alone is repaired, so the list only asks.
        return {"validate": "list", "source": choices, **prompt, "error_type": "warning"}
    if not rule.formula:
        return {"validate": "any", **prompt}
    return {
        "validate": "custom",
        "value": rule.formula.format(cell=xl_rowcol_to_cell(1, column)),
        **prompt,
        "error_type": rule.style,
        "error_title": title,
        "error_message": _lines(form),
    }


def _choices(field: Field) -> list[str]:
    """Return the values to choose from, as far as a spreadsheet can hold their list."""
    values = [str(value) for value in field.allowed if not isinstance(value, bool)]
    if field.type == "boolean":
        values = ["Có", "Không"]
    if any("," in value for value in values) or len(",".join(values)) > _MESSAGE_LIMIT:
        return []
    return values


def _lines(lines: Iterable[str]) -> str:
    return _clipped("\n".join(filter(None, lines)), _MESSAGE_LIMIT)


def _clipped(text: str, limit: int) -> str:
    """Return as much of `text` as fits into so many units of UTF-16, in which a spreadsheet counts."""
    return text.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", errors="ignore")
