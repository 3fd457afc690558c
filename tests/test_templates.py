"""Input templates: the documented ones, one's own, and files that are none."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from importer.errors import TemplateError
from importer.mapping.columns import names_of
from importer.templates import (
    KINDS,
    Field,
    Template,
    customer_id_field,
    find_template,
    parse_template,
    shipped_templates,
)
from importer.templates.parsing import PROPERTIES, PROPERTIES_OF_TYPE


def parsed(text: str) -> Template:
    return parse_template("own", text, "own.toml")


def field(entry: str) -> Field:
    (only,) = parsed(f"fields = [{entry}]").fields
    return only


def refused(text: str, message: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(message)):
        parsed(text)


def test_the_documented_templates_have_the_documented_fields_in_their_order() -> None:
    assert {name: [field.name for field in found.fields] for name, found in shipped_templates().items()} == {
        "1": ["name", "phone", "address"],
        "2": ["name", "phone", "identity_number"],
        "3": ["email", "phone"],
    }
    assert list(shipped_templates()) == ["1", "2", "3"]


def test_every_documented_field_is_required_and_shows_how_it_looks() -> None:
    for template in shipped_templates().values():
        assert template.title
        for known in (customer_id_field(), *template.fields):
            assert known.required
            assert known.title != known.name
            assert known.synonyms
            assert known.example
            assert known.kind in KINDS


def test_no_header_fits_two_documented_fields() -> None:
    fields = {known for template in shipped_templates().values() for known in template.fields}
    names = [name for known in (customer_id_field(), *fields) for name in names_of(known)]
    assert len(names) == len(set(names))


def test_the_kinds_of_the_documented_fields_ask_for_their_checks() -> None:
    kinds = {known.name: known.kind for template in shipped_templates().values() for known in template.fields}
    assert kinds == {
        "name": "text",
        "phone": "phone",
        "address": "text",
        "identity_number": "identity_number",
        "email": "email",
    }
    assert customer_id_field().kind == "customer_id"


def test_a_documented_template_is_found_by_its_name() -> None:
    assert find_template("2") is shipped_templates()["2"]


@pytest.mark.parametrize("name", ["4", "fields", "", "1.csv"])
def test_a_name_that_is_none_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(TemplateError, match=r"There is no template .* Give one of 1, 2, 3, or the path"):
        find_template(name)


OWN = """
title = "Name and phone"
fields = ["name", "phone", {name = "city", title = "Thành phố", synonyms = ["tỉnh"], required = false}]
"""


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
def test_a_file_of_ones_own_is_a_template(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "city.toml"
    path.write_bytes(mark + OWN.encode())
    template = find_template(str(path))
    assert (template.name, template.title) == ("city", "Name and phone")
    assert template.fields == (
        *shipped_templates()["1"].fields[:2],
        Field(name="city", title="Thành phố", synonyms=("tỉnh",), required=False),
    )


@pytest.mark.parametrize("content", [None, b'title = "\xff"'], ids=["missing", "no UTF-8"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "own.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TemplateError, match=rf"{re.escape(str(path))} cannot be read \(.*Check its path"):
        find_template(str(path))


@pytest.mark.parametrize("name", [".toml/none.toml", "a\0b.toml"])
def test_a_path_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(TemplateError, match="cannot be read"):
        find_template(name)


def test_a_folder_is_no_template(tmp_path: Path) -> None:
    folder = tmp_path / "own.toml"
    folder.mkdir()
    with pytest.raises(TemplateError, match="cannot be read"):
        find_template(str(folder))


def test_a_field_without_more_takes_what_is_known_of_its_name() -> None:
    assert field('"phone"') == field('{name = "phone"}') == shipped_templates()["3"].fields[1]


def test_a_field_that_nobody_knows_is_required_text_headed_by_its_name() -> None:
    assert field('"city"') == Field(name="city", title="city", kind="text", required=True)


def test_what_a_template_says_of_a_field_goes_before_what_is_known() -> None:
    own = field(
        '{name = "phone", title = "Gọi", kind = "text", synonyms = [], example = "1", required = false}'
    )
    assert own == Field(name="phone", title="Gọi", kind="text", required=False, example="1")


def test_a_template_without_a_title_is_titled_by_its_name() -> None:
    assert parsed('fields = ["name"]').title == "own"


def test_what_is_no_toml_is_refused_with_the_place() -> None:
    refused("fields = [", "own.toml is no TOML file: ")
    with pytest.raises(TemplateError, match="line 2"):
        parsed('title = "x"\nfields == []')


@pytest.mark.parametrize("text", ["", 'title = "x"', "fields = []", 'fields = "name"', "[fields]\nname = 1"])
def test_a_template_needs_fields(text: str) -> None:
    refused(text, 'own.toml needs a list of fields, such as: fields = ["name", "phone"].')


@pytest.mark.parametrize("entry", ['""', "1", "[]", "{}", '{title = "x"}', "{name = 1}", '{name = ""}'])
def test_a_field_needs_a_name(entry: str) -> None:
    refused(f"fields = [{entry}]", 'own.toml: a field is a name, or a table with a name: {name = "city"}.')


def test_what_a_field_does_not_have_is_refused_with_what_it_has() -> None:
    refused(
        'fields = [{name = "city", synonym = [], titel = "x"}]',
        "own.toml, field city: synonym, titel is not known. "
        "A field has allowed, constant, decimal, default, example, fields, hint, kind, name, pattern, "
        "required, synonyms, title, type.",
    )


def test_a_kind_that_is_none_is_refused_with_those_that_are() -> None:
    refused(
        'fields = [{name = "city", kind = "town"}]',
        "own.toml, field city: the kind must be one of text, phone, identity_number, email, customer_id.",
    )


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("title = 1", "title must be text."),
        ("kind = []", "kind must be text."),
        ("example = 1", "example must be text."),
        ('synonyms = "tỉnh"', "synonyms must be a list of texts."),
        ("synonyms = 5", "synonyms must be a list of texts."),
        ("synonyms = [1]", "synonyms must be a list of texts."),
        ('required = "false"', "required must be true or false."),
        ("required = 0", "required must be true or false."),
    ],
)
def test_what_is_said_of_a_field_must_be_of_its_form(said: str, message: str) -> None:
    refused(f'fields = [{{name = "city", {said}}}]', f"own.toml, field city: {message}")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ('"name", "phone", "name"', "name"),
        ('"name", {name = "name"}', "name"),
        ('"customer_id"', "customer_id"),
    ],
)
def test_a_field_stands_there_once(fields: str, name: str) -> None:
    refused(f"fields = [{fields}]", f"own.toml: the field {name!r} stands there twice")


# What the README says


def readme() -> str:
    section = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    return section.partition("## Templates of inputs\n")[2].partition("\n## ")[0]


def test_the_template_of_the_readme_is_one_and_shows_every_property() -> None:
    text = readme().partition("```toml\n")[2].partition("```")[0]
    template = parse_template("loan", text, "README.md")
    assert [known.name for known in template.fields] == [
        *("name", "phone", "income", "months", "product", "agrees", "agent", "source"),
        *("address.city", "address.street", "address.country"),
    ]
    shown = set(re.findall(r"\b(\w+) = ", text)) - {"title"}
    assert shown | {"title", "kind", "example"} == PROPERTIES.keys()


def test_the_readme_tells_of_every_property_type_and_kind() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", readme(), re.MULTILINE)
    assert sorted(rows) == sorted(PROPERTIES)
    for name in (*PROPERTIES_OF_TYPE, *KINDS):
        assert f'`"{name}"`' in readme()


# Types, objects and values


@pytest.mark.parametrize(
    ("entry", "made"),
    [
        ('{name = "a", type = "string", kind = "phone"}', Field(name="a", title="a", kind="phone")),
        (
            '{name = "a", type = "number", decimal = ",", default = 0.10}',
            Field(name="a", title="a", type="number", decimal=",", default=Decimal("0.10")),
        ),
        (
            '{name = "a", type = "integer", allowed = [6, 12_000_000_000_000_000_000]}',
            Field(name="a", title="a", type="integer", allowed=(6, 12_000_000_000_000_000_000)),
        ),
        (
            '{name = "a", type = "boolean", constant = false}',
            Field(name="a", title="a", type="boolean", constant=False),
        ),
        ('{name = "a", default = ""}', Field(name="a", title="a", default="")),
        (
            '{name = "a", pattern = "[A-Z]+", hint = "capital letters", constant = "AB"}',
            Field(name="a", title="a", pattern="[A-Z]+", hint="capital letters", constant="AB"),
        ),
        (
            '{name = "email", type = "number"}',
            Field(
                name="email",
                title="Email",
                type="number",
                synonyms=shipped_templates()["3"].fields[0].synonyms,
            ),
        ),
    ],
)
def test_a_field_has_what_is_said_of_its_values(entry: str, made: Field) -> None:
    assert field(entry) == made


NESTED = """
fields = [
  "name",
  {name = "home", type = "object", fields = [
    {name = "city", title = "Tỉnh"},
    {name = "geo", type = "object", required = false, fields = ["zone", {name = "area", required = false}]},
  ]},
  {name = "work", type = "object", required = false, fields = ["phone", {name = "country", constant = "VN"}]},
]
"""


def test_the_fields_of_objects_have_dotted_names_in_the_order_of_the_template() -> None:
    made = {known.name: known for known in parsed(NESTED).fields}
    assert list(made) == [
        *("name", "home.city", "home.geo.zone", "home.geo.area", "work.phone", "work.country"),
    ]
    assert made["home.city"] == Field(name="home.city", title="Tỉnh")
    assert made["home.geo.zone"] == Field(name="home.geo.zone", title="zone", within=("home.geo",))
    assert (made["work.phone"].kind, made["work.phone"].title) == ("phone", "SĐT")
    assert made["work.country"].within == ("work",)


def test_a_field_needs_a_column_unless_it_has_a_value_or_may_be_left_out() -> None:
    assert [known.name for known in parsed(NESTED).fields if known.needs_column] == ["name", "home.city"]
    assert not field('{name = "a", default = "x"}').needs_column
    assert not field('{name = "a", constant = "x"}').needs_column


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ('type = "text"', "the type must be one of string, number, integer, boolean, object."),
        ("type = []", "type must be text."),
        (
            'type = "number", kind = "phone"',
            "kind does not go with the type number. Such a field has allowed, ",
        ),
        ('type = "boolean", pattern = "x", hint = "y"', "hint, pattern does not go with the type boolean."),
        ('decimal = ","', "decimal does not go with the type string."),
        ('fields = ["a"]', "fields does not go with the type string."),
        ('type = "number", decimal = ";"', 'decimal must be "," or ".".'),
        ('type = "number", decimal = []', 'decimal must be "," or ".".'),
        ('type = "object", default = "x", fields = ["a"]', "default does not go with the type object."),
        ('type = "object"', 'an object needs a list of fields, such as: fields = ["city"].'),
        ('type = "object", fields = []', "fields must be a list of fields, at least one."),
        ("default = 1", "default must be text."),
        ('type = "number", default = "1"', "default must be a number of at most 100 digits."),
        ('type = "number", default = true', "default must be a number of at most 100 digits."),
        ('type = "number", default = nan', "default must be a number of at most 100 digits."),
        ('type = "number", constant = -inf', "constant must be a number of at most 100 digits."),
        ('type = "number", constant = 1e999999999', "constant must be a number of at most 100 digits."),
        ('type = "number", constant = 1e9999999999999999999999', "constant must be a number of at most 100"),
        (f'type = "number", constant = 1{"0" * 100}', "constant must be a number of at most 100 digits."),
        ('type = "integer", default = 1.0', "default must be a whole number of at most 100 digits."),
        ('type = "boolean", constant = "true"', "constant must be true or false."),
        ("constant = 2024-05-12", "constant must be text."),
        ('constant = "x", default = "y"', "a constant is always sent, so default means nothing beside it."),
        (
            'constant = "x", required = true',
            "a constant is always sent, so required means nothing beside it.",
        ),
        (
            'constant = "x", synonyms = ["y"]',
            "a constant is always sent, so synonyms means nothing beside it.",
        ),
        ('hint = "x"', "a hint explains a pattern, and there is none."),
        ('pattern = "["', "pattern is no regular expression (unterminated character set at position 0)."),
        (
            'pattern = "a{99999999999}"',
            "pattern is no regular expression (the repetition number is too large).",
        ),
        ('pattern = "[[a]"', "pattern is no regular expression (Possible nested set at position 1)."),
        ('pattern = "a+", default = "b"', "default does not match the pattern a+."),
        ('pattern = "a+", allowed = ["a", "b"]', "each value in allowed does not match the pattern a+."),
        ('kind = "email", default = "b"', "default is no email."),
        ('kind = "identity_number", constant = "1"', "constant is no identity number."),
        ("allowed = []", "allowed must be a list of values, at least one."),
        ('allowed = "x"', "allowed must be a list of values, at least one."),
        ("allowed = [1]", "each value in allowed must be text."),
        ('allowed = [" "]', "each value in allowed must have a sign that is no blank."),
        (
            'allowed = ["Đà Nẵng", "da nang"]',
            "the allowed values 'Đà Nẵng' and 'da nang' differ only in case, ",
        ),
        ('type = "number", allowed = [1, 1.0]', "the allowed values '1' and '1' differ only in case, "),
        ('allowed = ["a"], default = "b"', "default is none of those allowed: a."),
        ('type = "integer", allowed = [1], constant = 2', "constant is none of those allowed: 1."),
    ],
)
def test_what_is_said_of_values_must_make_sense(said: str, message: str) -> None:
    refused(f'fields = [{{name = "city", {said}}}]', f"own.toml, field city: {message}")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ('["a", "a"]', "own.toml, field home: the field 'a' stands there twice"),
        ("[1]", 'own.toml, field home: a field is a name, or a table with a name: {name = "city"}.'),
        ('["a.b"]', "own.toml, field home.a.b: a name has no point in it."),
        ('[{name = "a", titel = "x"}]', "own.toml, field home.a: titel is not known."),
        ('[{name = "a", type = "object"}]', "own.toml, field home.a: an object needs a list of fields"),
    ],
)
def test_what_is_wrong_in_an_object_is_told_with_its_place(fields: str, message: str) -> None:
    refused(f'fields = [{{name = "home", type = "object", fields = {fields}}}]', message)


def test_an_object_may_hold_a_customer_id_of_its_own() -> None:
    text = 'fields = [{name = "home", type = "object", fields = ["customer_id"]}]'
    assert [known.name for known in parsed(text).fields] == ["home.customer_id"]


def test_an_object_that_promises_what_its_fields_do_not_keep_is_refused() -> None:
    optional = '{name = "city", required = false}'
    entry = f'{{name = "home", type = "object", fields = [{optional}]'
    assert parsed(f"fields = [{entry}}}]").fields[0].required is False
    refused(
        f"fields = [{entry}, required = true}}]", "field home: it is required, but none of its fields is."
    )
    entry = '{name = "home", type = "object", required = false, fields = [{name = "a", constant = "x"}]}'
    refused(f"fields = [{entry}]", "field home: it may be left out, but has only constants")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('titel = "x"\nfields = ["name"]', "own.toml: titel is not known. A template has fields and title."),
        ('title = 1\nfields = ["name"]', "own.toml: title must be text."),
        ('fields = ["a.b"]', "own.toml, field a.b: a name has no point in it."),
        ("fields = " + "[" * 10_000, "own.toml is nested too deeply to be read."),
        (f"x = {'9' * 5000}", "own.toml is no TOML file: "),
    ],
)
def test_a_file_that_says_more_or_less_than_a_template_is_refused(text: str, message: str) -> None:
    refused(text, message)


def test_objects_stand_in_each_other_only_so_deep() -> None:
    path = "fields"
    lines = []
    for _ in range(30):
        lines.append(f'[[{path}]]\nname = "a"\ntype = "object"')
        path += ".fields"
    refused("\n".join(lines), "objects stand at most 20 deep in each other.")


def test_a_file_larger_than_any_template_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("# ấ" * 400_000, encoding="utf-8")
    with pytest.raises(TemplateError, match="is larger than any template"):
        find_template(str(path))


def test_thousands_of_fields_or_values_are_no_burden() -> None:
    values = [f'"v{number}"' for number in range(20_000)]
    assert len(field(f'{{name = "a", allowed = [{", ".join(values)}]}}').allowed) == 20_000
    names = [f'"n{number}"' for number in range(20_000)]
    assert len(parsed(f"fields = [{', '.join(names)}]").fields) == 20_000


LITERALS = st.sampled_from(
    [
        *('"a"', '"b"', '"number"', '"boolean"', '"object"', '"string"', '"integer"'),
        *('","', '"phone"', '"("'),
        *("1", "1.5", "-0.0", "nan", "1e400", "true", "false", "[]", "{}", '["a"]', '["a", "á"]', "[1, 2.0]"),
        *("[true]", "2024-05-12", "07:30:00", '[{name = "c"}]', '""', '"a.b"'),
    ]
)
ENTRIES = st.recursive(
    LITERALS,
    lambda inner: st.dictionaries(
        st.sampled_from([*PROPERTIES, "titel"]),
        LITERALS | st.lists(inner, max_size=3).map(lambda entries: f"[{', '.join(entries)}]"),
        max_size=5,
    ).map(lambda said: f"{{{', '.join(f'{key} = {value}' for key, value in said.items())}}}"),
    max_leaves=8,
)


def parsed_or_told(text: str) -> Template | str:
    try:
        return parsed(text)
    except TemplateError as error:
        return str(error)


@given(
    entries=st.lists(ENTRIES, max_size=3), title=st.just("") | LITERALS.map(lambda said: f"title = {said}\n")
)
@example(entries=['{name = "a", type = "object", fields = ["b"]}'], title="")
def test_whatever_stands_in_a_file_it_is_a_template_or_an_error_that_names_the_file(
    entries: list[str], title: str
) -> None:
    text = f"{title}fields = [{', '.join(entries)}]"
    tomllib.loads(text)
    made = parsed_or_told(text)
    if isinstance(made, str):
        assert made.startswith("own.toml")
    else:
        assert made.fields
        assert len({known.name for known in made.fields}) == len(made.fields)


@given(st.text())
def test_any_text_is_a_template_or_an_error(text: str) -> None:
    made = parsed_or_told(text)
    assert isinstance(made, Template) or made.startswith("own.toml")
