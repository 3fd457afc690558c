"""In a language of other letters, no English is left: nothing that a person reads is told past the catalogs.

Every letter of a message is one of Georgian there, and what is filled in stays as it is. So each Latin word
in what is told is either the person's own (names of files, headers, cells), a name that stays (fields,
outcomes, codes), or of a text that no catalog has heard of.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo

from importer import language
from importer.checking import check_files
from importer.cli.resolve import user_name
from importer.console.pacing import in_words
from importer.errors import UsageError
from importer.findings import FindingList
from importer.intake import Selection
from importer.language import speaking
from importer.model import IMPORT_OUTCOMES, OutcomeName
from importer.pace import HeldBy, Hold
from importer.remarks import PROBLEMS, REPAIRS, WARNINGS
from importer.results import COLUMNS
from importer.settings import Settings
from importer.templates import customer_id_field, shipped_templates
from tests.catalogs import said_in_the_code
from tests.support import Command, api_beside, local, read_results, set_faults
from tests.test_corpus import FILES

LETTERS = {
    **{ord(letter): 0x10D0 + at for at, letter in enumerate(string.ascii_lowercase)},
    **{ord(letter): 0x10D0 + at for at, letter in enumerate(string.ascii_uppercase)},
}

_WORD = re.compile(r"[A-Za-z]{2,}")


def disguised(message: str) -> str:
    """Return `message` in Georgian letters, but for what is filled in."""
    try:
        parts = list(string.Formatter().parse(message))
    except ValueError:
        return message.translate(LETTERS)
    if not any(name for _, name, _, _ in parts) or 'name = "' in message:
        return message.translate(LETTERS)
    return "".join(
        text.translate(LETTERS)
        + ("" if name is None else f"{{{name}{f'!{conversion}' if conversion else ''}}}")
        for text, name, _, conversion in parts
    )


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("locale")
    said = said_in_the_code()
    for message in said:
        if isinstance(message.id, tuple | list):
            message.string = tuple(disguised(form) for form in message.id)
        elif message.id:
            message.string = disguised(message.id)
    place = folder / "vi" / "LC_MESSAGES" / f"{language.DOMAIN}.mo"
    place.parent.mkdir(parents=True)
    with place.open("wb") as file:
        write_mo(file, said)
    return folder


@pytest.fixture(autouse=True)
def other_letters(catalogs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(language, "CATALOGS", catalogs)
    language._catalog.cache_clear()
    with speaking("vi"):
        yield
    language._catalog.cache_clear()


@cache
def names() -> frozenset[str]:
    """Return the Latin words that stay in every language."""
    known = [customer_id_field(), *(field for one in shipped_templates().values() for field in one.fields)]
    fields = {name for field in known for name in (field.name, field.title)}
    codes = {*PROBLEMS, *WARNINGS, *REPAIRS, *OutcomeName, *COLUMNS, *Settings.model_fields}
    return frozenset(words(" ".join(fields | codes)))


def words(text: str) -> list[str]:
    return _WORD.findall(text)


def english_in(told: Iterable[str], *own: str) -> list[tuple[set[str], str]]:
    """Return what is told with Latin words besides those of the person's `own` texts and names."""
    known = names() | set(words(" ".join(own)))
    return [(strange, text) for text in told if (strange := set(words(text)) - known)]


def test_a_message_is_disguised_but_for_what_is_filled_in() -> None:
    assert disguised("an {a!r}: a b") == "\u10d0\u10dd {a!r}: \u10d0 \u10d1"
    assert english_in([disguised("no {field} of it").format(field="Tên")], "Tên") == []
    assert english_in([disguised("no {field} of it").format(field="empty cell")], "Tên") != []


# What libraries say of a damaged file, and names of encodings, fonts and characters.
FOREIGN = (
    "File is not a zip file Bad magic number for file header Error decompressing data invalid stored block "
    "lengths utf le windows tcvn vni VNI VnTime Times BOM XFD customer Ghi"
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_told_of_a_file_of_the_corpus_in_english(path: Path, tmp_path: Path) -> None:
    own = path.read_text(encoding="utf-8", errors="ignore") if path.suffix == ".csv" else ""
    told: list[str] = []
    with FindingList() as findings:
        try:
            report = check_files([str(path)], Selection(), findings=findings)
        except UsageError as error:
            told = [str(error)]
        else:
            findings.write(tmp_path / "list.csv")
            told = [kind.message for kind in (*report.problems, *report.warnings, *report.repairs)]
            told += [*report.notices, *(checked.template for checked in report.inputs)]
            told += [line["message"] for line in read_results(tmp_path / "list.csv")]
            columns = [column.header for checked in report.inputs for column in checked.columns]
            own = " ".join([*columns, *(checked.sheet for checked in report.inputs)])
    assert english_in(told, str(path), own, FOREIGN) == []


# What stands on the screen


SAMPLE = Path(__file__).parents[1] / "sample_data" / "every-kind-of-bad-row.csv"

# Paths, addresses and methods.
_SHOWN = (
    "POST https api tiki vn tiniapp sandbox open local lead leads applications inputs ledger sqlite SQLite "
    "API csv xlsx results retry importer state"
)


def shown(text: str, *own: str) -> list[tuple[set[str], str]]:
    """Return the lines with English in them of what was shown, besides the person's `own` texts."""
    sample = SAMPLE.read_text(encoding="utf-8-sig")
    return english_in(text.splitlines(), _SHOWN, sample, *own)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    # No word is cut in two.
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.fixture
def leads(command: Command, tmp_path: Path) -> Path:
    path = tmp_path / "leads.csv"
    path.write_bytes(SAMPLE.read_bytes())
    return path


def test_nothing_that_check_shows_is_in_english(command: Command, leads: Path) -> None:
    ended = command("check", leads.name, "--lang", "vi", "--problems", "problems.csv")
    assert ended.code == 1
    assert shown(ended.output, "problems") == []
    assert shown(command("check", leads.name, "--lang", "vi", "--no-repair").output) == []


def test_nothing_that_a_run_shows_writes_or_asks_is_in_english(command: Command, leads: Path) -> None:
    with api_beside() as api:
        set_faults(
            api,
            "drop-before:customer=20004",
            "400:customer=20010",
            "503:customer=20015",
            "no-id:customer=20016",
            "garbage:customer=20019",
        )
        codes = "info warning error disconnected unreadable success garbage rejected"
        of_the_api = "Bad Request Service Unavailable"
        options = local(api, leads.parent, "--lang", "vi", "--attempts", "1")
        ended = command("run", leads.name, *options, "--log-format", "text", "--verbose")
        assert ended.code == 3
        assert shown(ended.output + ended.errors, str(leads), codes, of_the_api) == []
        results = read_results(leads.with_name("leads.results.csv"))
        assert {line["outcome"] for line in results} == set(IMPORT_OUTCOMES) - {"existing", "not_attempted"}
        told = [line[name] for line in results for name in ("error_message", "notes")]
        assert shown("\n".join(told), of_the_api) == []
        told = [line["error"] for line in read_results(leads.with_name("leads.retry.csv"))]
        assert shown("\n".join(told), of_the_api) == []
        resolve = ("resolve", leads.name, "--ledger", "ledger.sqlite3", "--lang", "vi")
        assert shown(command(*resolve).output) == []
        answered = command(*resolve, "--not-created", "7", "--resend", "all")
        assert shown(answered.output + answered.errors, user_name(), "resend") == []
        ended = command("results", leads.name, "--ledger", "ledger.sqlite3", "--lang", "vi")
        assert shown(ended.output + ended.errors) == []
        results = read_results(leads.with_name("leads.results.csv"))
        told = [line[name] for line in results for name in ("error_message", "notes")]
        assert shown("\n".join(told), of_the_api, user_name()) == []


def test_nothing_that_doctor_shows_is_in_english(command: Command, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("")
    (tmp_path / ".env").chmod(0o644)
    ended = command("doctor", "--env", "local", "--lang", "vi")
    versions = "Python aiohttp pandas linux darwin win env"
    assert shown(ended.output, versions, str(tmp_path)) == []


def test_nothing_that_templates_shows_is_in_english_but_names(command: Command) -> None:
    fields = [field for template in shipped_templates().values() for field in template.fields]
    headers = " ".join(" ".join((field.title, *field.synonyms)) for field in (*fields, customer_id_field()))
    ended = command("templates", "--lang", "vi")
    assert shown(ended.output, headers, "templates new title Name and phone fields city synonyms") == []


@pytest.mark.parametrize("held", HeldBy)
def test_what_holds_a_run_back_is_not_told_in_english(held: HeldBy) -> None:
    assert english_in([in_words(Hold(held, amount)) for amount in (0.3, 3, 1300)]) == []


def test_nothing_that_keeps_a_file_from_being_read_is_told_in_english(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "leads.doc").write_bytes(b"x")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "a.toml").write_text('fields = ["name", {name = "b", type = "moon"}]')
    (tmp_path / "leads.csv").write_text("customer_id,name,phone,address\n1,An,0901234567,1 Lê Lợi\n")
    own = (
        "nowhere empty folder moon doc toml txt tsv xlsm xls xlsb ods jsonl list string number integer "
        "boolean object LEAD IMPORTER CLIENT KEY SECRET"
    )
    for arguments in (
        ("check", "nowhere.csv"),
        ("check", "empty.csv"),
        ("check", "leads.doc"),
        ("check", "folder.csv"),
        ("check", "leads.csv", "leads.csv"),
        ("check", "leads.csv", "--template", "moon"),
        ("check", "leads.csv", "--template", "a.toml"),
        ("check", "leads.csv", "--map", "phone=moon"),
        ("check", "leads.csv", "--map", "moon=phone"),
        ("check", "leads.csv", "--encoding", "moon"),
        ("check", "leads.csv", "--limit", "moon"),
        ("check", "leads.csv", "--base-url", "moon"),
        ("check", "leads.csv", "--problems", "list.moon"),
        ("run", "leads.csv", "--env", "sandbox"),
        ("run", "leads.csv", "--env", "local", "--results", "leads.moon"),
        ("results", "leads.csv", "--ledger", "ledger.sqlite3"),
        ("resolve", "leads.csv", "--ledger", "ledger.sqlite3"),
        ("templates", "new", "1", "-o", "leads.moon"),
    ):
        ended = command(*arguments, "--lang", "vi")
        assert ended.code == 2, arguments
        assert shown(ended.errors, own, str(tmp_path)) == [], arguments
