from dataclasses import replace
from string import ascii_uppercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import MappingError
from importer.examples import example_cell
from importer.identity import account_id, lead_key
from importer.mapping import SheetMapping, choose_mapping, fold, header_score
from importer.mapping.columns import names_of
from importer.model import InvalidRow, Lead, Place, Row, RowProblem
from importer.templates import Kind, customer_id_field, shipped_templates
from importer.values import fault_of

ENGLISH = ("customer_id", "name", "phone", "address")


def choose(*headers: str, template: str | None = None, columns: dict[str, str] | None = None) -> SheetMapping:
    shipped = shipped_templates()
    return choose_mapping(
        "leads.csv",
        headers,
        [shipped[template]] if template else shipped.values(),
        columns,
        ascii_uppercase[: len(headers)],
    )


def row(*cells: str, problems: tuple[RowProblem, ...] = ()) -> Row:
    return Row(Place("leads.csv", "", 2), cells, problems)


@pytest.mark.parametrize(
    ("headers", "template"),
    [
        (ENGLISH, "1"),
        (("Mã KH", "Họ tên", "SĐT", "Địa chỉ"), "1"),
        (("ĐỊA CHỈ", "số điện thoại", "Tên  khách hàng", "ID khách hàng"), "1"),
        (("customer_id", "HO TEN", "so dt", "CMND/CCCD"), "2"),
        (("Mã khách hàng", "E-mail", "Di động", "Ghi chú"), "3"),
    ],
)
def test_headers_choose_the_template(headers: tuple[str, ...], template: str) -> None:
    assert choose(*headers).template.name == template


def test_remarks_in_brackets_on_how_to_fill_a_column_in_do_not_count_and_others_do() -> None:
    headers = ("Mã KH (*)", "Họ và tên (viết hoa)", "SĐT (10 số)", "Địa chỉ (ghi đầy đủ)")
    assert choose(*headers).template.name == "1"
    with pytest.raises(MappingError, match="no column for phone"):
        choose(*headers[:2], "SĐT (người thân)", headers[3])


def test_a_row_becomes_a_lead_with_the_inputs_in_the_order_of_the_template() -> None:
    lead = choose("address", "phone", "note", "customer_id", "name").lead(
        row("101 Nguyen Van Cu", "090123443", "call", "1333", "John")
    )
    assert isinstance(lead, Lead)
    assert lead.customer_id == "1333"
    assert list(lead.inputs.items()) == [
        ("name", "John"),
        ("phone", "090123443"),
        ("address", "101 Nguyen Van Cu"),
    ]


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        (("", "John", "0901", "x"), "missing", "customer_id"),
        (("1", "", "0901", "x"), "missing", "name"),
        (("1.41952E+17", "John", "0901", "x"), "lost_digits", "customer_id"),
        (("141952217564315671.0", "John", "0901", "x"), "lost_digits", "customer_id"),
        (("1 2", "John", "0901", "x"), "bad_customer_id", "customer_id"),
        (("12.000", "John", "0901", "x"), "lost_digits", "customer_id"),
        (("8100.5", "John", "0901", "x"), "bad_customer_id", "customer_id"),
        (("7,005", "John", "0901", "x"), "bad_customer_id", "customer_id"),
        (("1", "John", "09o1", "x"), "letters_in_phone", "phone"),
        (("1", "John", "9,01E+08", "x"), "lost_digits", "phone"),
        (("1", "John", "----", "x"), "bad_phone", "phone"),
        (("1", "\ud800", "0901", "x"), "broken_text", "name"),
    ],
)
def test_a_row_that_is_no_lead_says_which_cell_and_why(
    cells: tuple[str, ...], code: str, column: str
) -> None:
    invalid = choose(*ENGLISH).lead(row(*cells))
    assert isinstance(invalid, InvalidRow)
    assert [(problem.code, problem.column) for problem in invalid.problems] == [(code, column)]


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("identity_number", "123456789", None),
        ("identity_number", "079190001234", None),
        ("identity_number", "12345678", "bad_identity_number"),
        ("email", "a@example.com", None),
        ("email", "a.example.com", "bad_email"),
        ("phone", "+84 (90) 123-44.33", None),
        ("customer_id", "141952217564315671", None),
        ("text", "1E+10", None),
    ],
)
def test_each_kind_of_value_is_checked(kind: Kind, value: str, code: str | None) -> None:
    assert fault_of(kind, value) == (code or "")


def test_an_address_in_the_column_of_the_customer_id_goes_no_further() -> None:
    slipped = choose(*ENGLISH).lead(row("12 Lê Lợi", "John", "0901", "x"))
    assert isinstance(slipped, InvalidRow)
    assert slipped.customer_id == ""
    known = choose(*ENGLISH).lead(row("1333", "", "0901", "x"))
    assert isinstance(known, InvalidRow)
    assert known.customer_id == "1333"


def test_every_problem_of_a_row_is_told_at_once() -> None:
    invalid = choose(*ENGLISH).lead(row("", "", "x", ""))
    assert isinstance(invalid, InvalidRow)
    assert [problem.column for problem in invalid.problems] == ["customer_id", "name", "phone", "address"]


def test_what_the_reader_found_is_not_told_twice() -> None:
    known = RowProblem("error_cell", "the formula failed", "phone")
    invalid = choose(*ENGLISH).lead(row("1", "John", "", "x", problems=(known,)))
    assert isinstance(invalid, InvalidRow)
    assert invalid.problems == (known,)


def test_a_whole_number_with_decimals_is_read_as_digits_and_noted() -> None:
    lead = choose(*ENGLISH).lead(row("1333.0", "John", "0901234433", "x"))
    assert isinstance(lead, Lead)
    assert lead.customer_id == "1333"
    (note,) = lead.notes
    assert (note.kind, note.code) == ("repair", "decimals")
    assert str(note) == "customer_id: a whole number written with decimals was read as digits"


def test_the_example_of_the_documentation_is_sent_unchanged_with_a_warning() -> None:
    lead = choose(*ENGLISH).lead(row("1333", "John", "090123443", "101 Nguyen Van Cu"))
    assert isinstance(lead, Lead)
    assert (lead.customer_id, lead.inputs) == (
        "1333",
        {"name": "John", "phone": "090123443", "address": "101 Nguyen Van Cu"},
    )
    assert [(note.kind, note.code, note.column) for note in lead.notes] == [
        ("warning", "implausible_phone", "phone")
    ]


def test_a_strict_mapping_refuses_what_is_doubtful_but_not_what_was_repaired() -> None:
    strict = replace(choose(*ENGLISH), strict=True)
    invalid = strict.lead(row("1333.0", "John", "090123443", "x"))
    assert isinstance(invalid, InvalidRow)
    assert [(problem.code, problem.column) for problem in invalid.problems] == [
        ("implausible_phone", "phone")
    ]
    assert [note.code for note in invalid.notes] == ["decimals"]
    assert isinstance(strict.lead(row("1333.0", "John", "+84 901 234 433", "x")), Lead)


def test_a_strict_mapping_without_repairs_refuses_what_would_be_repaired() -> None:
    invalid = replace(choose(*ENGLISH), strict=True, repair=False).lead(row("1", "John", "901234433", "x"))
    assert isinstance(invalid, InvalidRow)
    assert [problem.code for problem in invalid.problems] == ["lost_zero"]


def test_a_cell_of_which_a_repair_leaves_nothing_is_missing() -> None:
    invalid = choose(*ENGLISH).lead(row("1", "\u00ad", "\u200e", "'"))
    assert isinstance(invalid, InvalidRow)
    assert [(problem.code, problem.column) for problem in invalid.problems] == [
        ("missing", "name"),
        ("missing", "phone"),
        ("missing", "address"),
    ]


def test_a_defused_phone_is_made_whole_before_it_is_repaired() -> None:
    lead = choose(*ENGLISH).lead(row("1", "John", "'+84901234433", "x"))
    assert isinstance(lead, Lead)
    assert lead.inputs["phone"] == "0901234433"
    assert [note.code for note in lead.notes] == ["country_code"]


CELLS = st.sampled_from(
    [
        "",
        "7",
        "0901234567",
        "901234567",
        "0996123456",
        "An",
        "'An",
        "O'Brien",
        "Nguyá»…n",
        "Thị\xa0Xã",
        "12.000",
    ]
)


@given(
    st.lists(
        st.builds(
            Row,
            st.builds(Place, st.just("leads.csv"), st.just(""), st.integers(2, 9)),
            st.tuples(CELLS, CELLS, CELLS, CELLS),
            st.sampled_from([(), (), (RowProblem("error_cell", "mend it", "name"),)]),
        )
    )
)
def test_many_rows_become_what_each_of_them_becomes(rows: list[Row]) -> None:
    for mapping in (
        choose(*ENGLISH),
        replace(choose(*ENGLISH), strict=True),
        choose("7", *ENGLISH[1:], columns={"customer_id": "7"}),
    ):
        assert mapping.leads(rows) == [mapping.lead(row) for row in rows]


def test_a_row_that_is_marked_as_the_example_is_no_lead_whatever_else_is_wrong() -> None:
    known = RowProblem("lost_digits", "…", "phone")
    for mapping in (choose(*ENGLISH), replace(choose(*ENGLISH), strict=True, repair=False)):
        invalid = mapping.lead(row("VÍ DỤ 1333", "John", "", "x", problems=(known,)))
        assert isinstance(invalid, InvalidRow)
        assert [(problem.code, problem.column) for problem in invalid.problems] == [
            ("example_row", "customer_id"),
            ("lost_digits", "phone"),
        ]
        assert invalid.customer_id == ""
        assert "1333" not in invalid.problems[0].message


def test_a_row_that_the_reader_finds_fault_with_is_never_left_out_as_the_example() -> None:
    fields = (customer_id_field(), *shipped_templates()["1"].fields)
    cells = [example_cell(field) for field in fields]
    mapping = choose(*ENGLISH)
    assert mapping.is_example(row(*cells))
    assert mapping.is_example(row(*cells[:2]))
    assert not mapping.is_example(row(*cells, problems=(RowProblem("too_many_cells", "…"),)))
    assert not mapping.is_example(row("1333", *cells[1:]))
    assert not mapping.is_example(row())


def test_two_columns_for_one_field_are_never_guessed() -> None:
    with pytest.raises(MappingError, match=r"'SĐT', 'Di động' all fit phone.*--map 'phone=SĐT'"):
        choose("customer_id", "name", "SĐT", "Di động", "address")


def test_map_settles_which_column_is_meant() -> None:
    mapping = choose("customer_id", "name", "SĐT", "Di động", "address", columns={"phone": "Di động"})
    assert [column.header for column in mapping.inputs] == ["name", "Di động", "address"]


REPEATED = ("Mã KH", "Họ tên", "SĐT", "Địa chỉ", "C", "SĐT")


def test_two_columns_with_the_same_header_are_told_apart_by_their_letters() -> None:
    told = r"'SĐT' \(A\), 'SĐT' \(E\) all fit phone.*: --map phone=A or --map phone=E$"
    headers = ("SĐT", "Mã KH", "Họ tên", "Địa chỉ", "SĐT")
    for columns in (None, {"phone": "SĐT"}, {"phone": "sdt"}):
        with pytest.raises(MappingError, match=told):
            choose(*headers, columns=columns)
    assert [choose(*headers, columns={"phone": letter}).inputs[1].index for letter in "AE"] == [0, 4]


def test_a_header_goes_before_a_letter() -> None:
    assert choose(*REPEATED, columns={"phone": "C"}).inputs[1].index == 4
    assert choose(*REPEATED[:4], "c", "SĐT", columns={"phone": "C"}).inputs[1].index == 4
    assert choose(*REPEATED, columns={"phone": "F"}).inputs[1].index == 5


@pytest.mark.parametrize("letter", ["f", "G", "E", "AA"])
def test_a_letter_that_is_small_or_of_no_column_with_a_header_is_none(letter: str) -> None:
    with pytest.raises(MappingError, match=f"has no column '{letter}'"):
        choose(*REPEATED[:4], "", "SĐT", columns={"phone": letter})


def test_headers_are_found_where_a_column_is_named_by_its_letter() -> None:
    score = header_score(shipped_templates().values(), {"phone": "C"})
    assert score(("Mã KH", "Họ tên", "SĐT", "Địa chỉ")) == score(("Mã KH", "Email", "C"))


def test_two_templates_that_fit_are_never_guessed() -> None:
    with pytest.raises(MappingError, match=r"fit several templates: 1 .*, 3 .*--template 1"):
        choose(*ENGLISH, "email")
    assert choose(*ENGLISH, "email", template="3").template.name == "3"


def test_two_columns_matter_only_where_the_template_needs_them() -> None:
    assert choose("customer_id", "e-mail", "email", "phone", "name", "address", template="1").inputs


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"phon": "Cột 3"}, "no field 'phon'. The fields are customer_id, name"),
        ({"phone": "Cột 3"}, "no column 'Cột 3'. Its columns are 'customer_id'"),
    ],
)
def test_map_with_a_wrong_name_says_which_there_are(columns: dict[str, str], message: str) -> None:
    with pytest.raises(MappingError, match=message):
        choose(*ENGLISH, columns=columns)


def test_a_missing_column_is_named_with_the_ones_that_are_there() -> None:
    with pytest.raises(MappingError) as caught:
        choose("customer_id", "name", "phone", "Thành phố")
    assert "no column for address (Địa chỉ), which template 1" in str(caught.value)
    assert "'Thành phố'" in str(caught.value)
    assert "--map address=COLUMN" in str(caught.value)


def test_the_template_of_which_most_is_there_is_the_nearest() -> None:
    with pytest.raises(MappingError, match=r"no column for phone \(SĐT\), address .* template 1 "):
        choose("Mã KH", "Họ tên", "Ghi chú")
    with pytest.raises(MappingError, match=r"no column for phone \(SĐT\), which template 3 "):
        choose("Mã KH", "Email")


@pytest.mark.parametrize(
    ("field", "headers"),
    [
        ("customer_id", ["Tiki ID", "ID Tiki", "Mã khách hàng Tiki"]),
        ("name", ["Họ & tên", "Họ và tên khách hàng", "Tên đầy đủ", "Full name"]),
        ("phone", ["Số ĐT liên hệ", "Số ĐT liên lạc", "SĐT chính", "Số phone", "Phone no.", "Cell-phone"]),
        ("address", ["Địa chỉ thường trú", "Địa chỉ hiện tại", "Nơi cư trú", "Hộ khẩu thường trú"]),
        ("identity_number", ["Số CCCD/CMND", "Số định danh"]),
        ("email", ["E-mail", "Địa chỉ email", "Thư điện tử", "Gmail"]),
    ],
)
def test_headers_of_ordinary_sheets_are_known(field: str, headers: list[str]) -> None:
    fields = {known.name: known for template in shipped_templates().values() for known in template.fields}
    fields["customer_id"] = customer_id_field()
    for header in headers:
        assert [name for name, known in fields.items() if fold(header) in names_of(known)] == [field]


@pytest.mark.parametrize("header", ["CCCD/Hộ chiếu", "Hộ khẩu", "SĐT phụ", "Mã định danh", "Người liên hệ"])
def test_headers_that_can_mean_something_else_fit_nothing(header: str) -> None:
    fields = {known for template in shipped_templates().values() for known in template.fields}
    assert not any(fold(header) in names_of(known) for known in (customer_id_field(), *fields))


def test_two_phones_under_other_names_are_never_guessed() -> None:
    with pytest.raises(
        MappingError, match=r"'Số ĐT liên hệ', 'Di động' all fit phone.*--map 'phone=Số ĐT liên hệ'"
    ):
        choose("Mã KH", "Họ tên", "Số ĐT liên hệ", "Di động", "Địa chỉ")


@given(st.text())
def test_folding_twice_changes_nothing(header: str) -> None:
    assert fold(fold(header)) == fold(header)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(a=st.tuples(TEXT, st.dictionaries(TEXT, TEXT)), b=st.tuples(TEXT, st.dictionaries(TEXT, TEXT)))
def test_leads_have_one_key_exactly_when_they_are_equal(
    a: tuple[str, dict[str, str]], b: tuple[str, dict[str, str]]
) -> None:
    assert (lead_key("x", "local", *a) == lead_key("x", "local", *b)) == (a == b)


def test_the_order_of_inputs_does_not_make_another_lead_but_account_and_environment_do() -> None:
    key = lead_key("x", "local", "1", {"a": "1", "b": "2"})
    assert key == lead_key("x", "local", "1", {"b": "2", "a": "1"})
    assert key != lead_key("y", "local", "1", {"a": "1", "b": "2"})
    assert key != lead_key("x", "sandbox", "1", {"a": "1", "b": "2"})


def test_the_name_of_an_account_does_not_tell_the_key() -> None:
    assert "client-key" not in account_id("client-key")
    assert account_id("a") != account_id("b")


@pytest.mark.parametrize(
    "value", ["0912345678", "0912 345 678", "(028) 3822-9999", "an@example.org", "123456"]
)
def test_the_first_row_of_a_file_without_headers_is_not_quoted(value: str) -> None:
    with pytest.raises(MappingError) as refused:
        choose("Nguyễn Văn An", value, "Huế")
    assert "Nguyễn" not in str(refused.value)
    assert value not in str(refused.value)
    assert "seems to hold values, not headers" in str(refused.value)
