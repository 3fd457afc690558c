"""Input templates: the documented ones, one's own, and files that are none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from importer.errors import TemplateError
from importer.templates import (
    KINDS,
    Field,
    Template,
    customer_id_field,
    find_template,
    parse_template,
    shipped_templates,
)


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
