"""Everything that can be said of a cell: each code with its message, in one place.

They are in English here, and translated where they are said. No message holds a value, so that notes and
logs can be passed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from importer.language import marked


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a cell was found to hold, in codes."""

    value: str
    repairs: tuple[str, ...] = ()
    """Codes of :data:`REPAIRS`, in the order in which they were made."""

    warning: str = ""
    """A code of :data:`WARNINGS`, or nothing."""

    problem: str = ""
    """A code of :data:`PROBLEMS`, or nothing; `value` is of no use then."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What is said of a repair."""

    made: str
    left: str
    """What is said where repairs are turned off."""


REPAIRS: Mapping[str, Repair] = {
    "invisible_signs": Repair(
        marked("non-breaking blanks became plain ones, and signs without width were removed"),
        marked("there are non-breaking blanks or signs without width in it"),
    ),
    "apostrophe": Repair(
        marked("the apostrophe that marks text in a spreadsheet was removed"),
        marked("there is an apostrophe in front, as spreadsheets mark text"),
    ),
    "text_formula": Repair(
        marked('the formula ="…" that keeps text from being a number was taken off'),
        marked('it is written as a formula, ="…"'),
    ),
    "wide_digits": Repair(
        marked("full-width digits became plain ones"), marked("there are full-width digits in it")
    ),
    "decimals": Repair(
        marked("a whole number written with decimals was read as digits"),
        marked("a whole number is written with decimals"),
    ),
    "separators": Repair(
        marked("blanks, dots, dashes and brackets were removed"),
        marked("there are blanks, dots, dashes or brackets in it"),
    ),
    "country_code": Repair(
        marked("the country code 84 became the zero that it stands for"),
        marked("it is written with the country code 84"),
    ),
    "lost_zero": Repair(
        marked("the zero in front, which a spreadsheet drops from a number, was put back"),
        marked("the zero in front is missing, as spreadsheets drop it from a number"),
    ),
    "retired_prefix": Repair(
        marked("the eleven-digit prefix that was retired in 2018 became today's"),
        marked("its eleven-digit prefix was retired in 2018"),
    ),
    "lost_zeros": Repair(
        marked("zeros in front, which a spreadsheet drops from a number, were put back"),
        marked("zeros in front are missing, as spreadsheets drop them from a number"),
    ),
    "currency": Repair(
        marked("the sign of the currency was removed from the number"),
        marked("there is the sign of a currency beside it"),
    ),
    "leading_zeros": Repair(
        marked("zeros in front, which a number does not have, were removed"),
        marked("there are zeros in front of the number"),
    ),
    "spelling": Repair(
        marked("it was spelt as the template spells it"),
        marked("the template spells it with other case, accents or blanks"),
    ),
}

WARNINGS: Mapping[str, str] = {
    "implausible_phone": marked("no phone in use has this form; check the number"),
    "decoded_wrongly": marked(
        "the text looks as if it was read in a wrong encoding once; see that it is right"
    ),
    "many_digits": marked(
        "a number of more than 15 digits does not keep all of them in every program; let the type "
        "of the field be string if it is the number of a document or an account"
    ),
    "implausible_email": marked("no mail can be sent to an address of this form; check it"),
}

PROBLEMS: Mapping[str, str] = {
    "broken_text": marked("the text holds half a character (a lone surrogate); type it again"),
    "lost_digits": marked(
        "a spreadsheet turned this number into a float, so digits may be lost; "
        "format the column as text and enter the number again"
    ),
    "turned_into_date": marked(
        "a spreadsheet turned what was entered into a date; format the column as text and enter it again"
    ),
    "bad_customer_id": marked(
        "a customer id has no blanks and no decimals; one id in a cell, formatted as text"
    ),
    "bad_identity_number": marked("a CMND has 9 digits and a CCCD 12; check the number"),
    "bad_email": marked("this is no e-mail address; write it as name@domain"),
    "letters_in_phone": marked("there are letters in the phone number; one number in a cell"),
    "two_phones": marked(
        "there is more than one phone in the cell, or one with an extension; leave just one"
    ),
    "ambiguous_phone": marked(
        "nine digits that begin with 84 can be a phone without its zero, or one with the "
        "country code that lacks digits; write the number with its zero in front"
    ),
    "bad_phone": marked("this is no phone number; write digits only, such as 0901234567"),
    "bad_number": marked("this is no number; write digits only, such as 12000000 or 12.5"),
    "ambiguous_number": marked(
        "the point or comma can mark thousands or decimals; write thousands without it "
        '(12000), decimals with one zero more (1.2340), or name the sign in the template (decimal = ",")'
    ),
    "other_decimals": marked(
        "the number is not written with the sign before decimals that the template names"
    ),
    "percentage": marked("a percentage can be meant as 12 or as 0.12; write that number without the sign %"),
    "not_whole": marked("the number has decimals, and a whole number is needed"),
    "bad_boolean": marked(
        "this is neither true nor false; write có or không, đúng or sai, yes or no, "
        "true or false, 1 or 0, or x for true"
    ),
    "not_allowed": marked("the value is none of those that the template allows"),
    "bad_form": marked("the value does not have the form that the template asks for"),
    "too_long": marked(
        "the value is longer than any that has the form that the template asks for; shorten it"
    ),
}
