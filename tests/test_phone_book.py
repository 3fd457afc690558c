"""Which phones stand under several customers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from importer.model import Place
from importer.phone_book import PhoneBook

ENTRIES = st.lists(
    st.tuples(st.integers(2, 2**32 - 1), st.sampled_from("abc"), st.sampled_from("xyz")), max_size=12
)
COLUMNS = st.lists(
    st.tuples(st.sampled_from(["S1", "S2"]), st.sampled_from(["SĐT", "Zalo"]), ENTRIES), max_size=5
)


@given(COLUMNS)
def test_each_phone_is_told_that_stood_under_another_customer_first(
    columns: list[tuple[str, str, list[tuple[int, str, str]]]],
) -> None:
    book = PhoneBook()
    customer_of: dict[str, str] = {}
    expected = []
    for sheet, header, entries in columns:
        rows, phones, customers = zip(*entries, strict=True) if entries else ((), (), ())
        book.add("leads.xlsx", sheet, header, rows, phones, customers)
        expected += [
            (Place("leads.xlsx", sheet, row), header)
            for row, phone, customer in entries
            if customer_of.setdefault(phone, customer) != customer
        ]
    assert list(book.shared()) == expected
    assert list(book.shared()) == expected
