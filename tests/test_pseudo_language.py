"""In a language of other letters, no English is left: nothing that a person reads is told past the catalogs.

Every letter of a message is one of Georgian there, and what is filled in stays as it is. So each Latin word
in what is told is either the person's own (names of files, headers, cells), a name that stays (fields,
outcomes, codes), or of a text that no catalog has heard of.
"""

from __future__ import annotations

import asyncio
import errno
import html
import json
import re
import string
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from babel.messages.mofile import write_mo

from importer import language
from importer.archiving import archive_files
from importer.checking import check_files
from importer.cli.resolve import user_name
from importer.console.pacing import in_words
from importer.errors import UsageError
from importer.findings import FindingList
from importer.history import past_run
from importer.intake import Selection
from importer.language import _, speaking
from importer.ledger.sqlite import SqliteLedger
from importer.local_api import LOCAL_CREDENTIALS, LocalApi
from importer.model import IMPORT_OUTCOMES, OutcomeName
from importer.notification import notify, text_of
from importer.pace import HeldBy, Hold
from importer.page import page
from importer.remarks import PROBLEMS, REPAIRS, WARNINGS
from importer.report import Ended
from importer.results import COLUMNS
from importer.settings import Settings, load_settings
from importer.settings.files import FILE_NAME
from importer.templates import customer_id_field, shipped_templates
from tests.catalogs import said_in_the_code
from tests.support import Command, aged, api_beside, local, read_results, set_faults, write_leads
from tests.test_corpus import FILES
from tests.test_history import ERROR, NAMES, begun, killed

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


# By chance its last signs are letters.
_RUN = re.compile(r"\d{4}-\d\d-\d\dT[\d:]{8}Z-[0-9a-f]{6}")


def shown(text: str, *own: str) -> list[tuple[set[str], str]]:
    """Return the lines with English in them of what was shown, besides the person's `own` texts."""
    sample = SAMPLE.read_text(encoding="utf-8-sig")
    return english_in(_RUN.sub("", text).splitlines(), _SHOWN, sample, *own)


def on_page(document: str) -> str:
    """Return what a person reads of a page, or has read out to them."""
    labels = re.findall(r'aria-label="([^"]*)"', document)
    read = re.sub(r"<style>.*?</style>|<[^>]*>", "\n", document, flags=re.DOTALL)
    return html.unescape("\n".join([read, *labels]))


CODES = "info warning error disconnected unreadable success garbage rejected interrupted unknown_customer"
OF_THE_API = "Bad Request Service Unavailable"
FAULTS = (
    "drop-before:customer=20004",
    "400:customer=20010",
    "503:customer=20015",
    "no-id:customer=20016",
    "garbage:customer=20019",
)


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
        set_faults(api, *FAULTS)
        options = local(api, leads.parent, "--lang", "vi", "--attempts", "1")
        ended = command("run", leads.name, *options, "--log-format", "text", "--verbose")
        assert ended.code == 3
        assert shown(ended.output + ended.errors, str(leads), CODES, OF_THE_API) == []
        results = read_results(leads.with_name("leads.results.csv"))
        assert {line["outcome"] for line in results} == set(IMPORT_OUTCOMES) - {"existing", "not_attempted"}
        told = [line[name] for line in results for name in ("error_message", "notes")]
        assert shown("\n".join(told), OF_THE_API) == []
        told = [line["error"] for line in read_results(leads.with_name("leads.retry.csv"))]
        assert shown("\n".join(told), OF_THE_API) == []
        resolve = ("resolve", leads.name, "--ledger", "ledger.sqlite3", "--lang", "vi")
        assert shown(command(*resolve).output) == []
        answered = command(*resolve, "--not-created", "7", "--resend", "all")
        assert shown(answered.output + answered.errors, user_name(), "resend") == []
        ended = command("results", leads.name, "--ledger", "ledger.sqlite3", "--lang", "vi")
        assert shown(ended.output + ended.errors) == []
        results = read_results(leads.with_name("leads.results.csv"))
        told = [line[name] for line in results for name in ("error_message", "notes")]
        assert shown("\n".join(told), OF_THE_API, user_name()) == []


# What doctor names: packages, systems, files and this language.
VERSIONS = "Python aiohttp pandas linux darwin win env vi"


def test_nothing_that_doctor_shows_is_in_english(command: Command, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("")
    (tmp_path / ".env").chmod(0o644)
    ended = command("doctor", "--env", "local", "--lang", "vi")
    assert shown(ended.output, VERSIONS, str(tmp_path)) == []


def test_nothing_that_init_shows_or_asks_is_in_english(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(question: str, **_: object) -> str:
        asked.append(question)
        return "two words" if len(asked) == 1 else ""

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", ask)
    written = command("init", "--lang", "vi")
    assert (written.code, len(asked)) == (0, 2)
    steps = "toml client_key client_secret doctor run csv env"
    assert shown(written.output + written.errors + "\n".join(asked), steps) == []
    assert shown(command("init", "--lang", "vi").errors, "toml") == []
    ended = command("doctor", "--lang", "vi")
    assert shown(ended.output, VERSIONS, str(Path.cwd()), "profiles toml") == []


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
    (tmp_path / "a.toml").write_text('fields = ["name", {name = "b", type = "moon"}]')
    (tmp_path / "leads.csv").write_text("customer_id,name,phone,address\n1,An,0901234567,1 Lê Lợi\n")
    own = (
        "nowhere empty moon doc toml txt tsv xlsm xls xlsb ods jsonl list string number integer "
        "boolean object LEAD IMPORTER CLIENT KEY SECRET"
    )
    for arguments in (
        ("check", "nowhere.csv"),
        ("check", "empty.csv"),
        ("check", "leads.doc"),
        ("check", "leads.csv", "leads.csv"),
        ("check", "leads.csv", "--template", "moon"),
        ("check", "leads.csv", "--template", "a.toml"),
        ("check", "leads.csv", "--map", "phone=moon"),
        ("check", "leads.csv", "--map", "moon=phone"),
        ("check", "leads.csv", "--encoding", "moon"),
        ("check", "leads.csv", "--limit", "moon"),
        ("check", "leads.csv", "--base-url", "moon"),
        ("check", "leads.csv", "--problems", "list.moon"),
        ("run", "leads.csv", "--env", "sandbox", "--log-format", "text"),
        ("run", "leads.csv", "--env", "local", "--results", "leads.moon", "--log-format", "text"),
        ("results", "leads.csv", "--ledger", "ledger.sqlite3"),
        ("resolve", "leads.csv", "--ledger", "ledger.sqlite3"),
        ("templates", "new", "1", "-o", "leads.moon"),
    ):
        ended = command(*arguments, "--lang", "vi")
        assert ended.code == 2, arguments
        assert shown(ended.errors, own, str(tmp_path)) == [], arguments


# Past runs and pages


def test_nothing_on_a_page_is_in_english(command: Command, leads: Path) -> None:
    with api_beside() as api:
        set_faults(api, *FAULTS, "503:times=1")
        options = local(api, leads.parent, "--lang", "vi", "--attempts", "2", "--report", "page.html")
        assert command("run", leads.name, *options).code == 3
        written = leads.with_name("page.html").read_text(encoding="utf-8")
        assert shown(on_page(written), CODES, OF_THE_API, str(leads), "UTC resend") == []
        assert "series-retry" in written
        assert "http_503" in written
    again = command("report", "--lang", "vi", "--ledger", "ledger.sqlite3", "-o", "again.html")
    assert (again.code, shown(again.output, "again html")) == (0, [])
    assert leads.with_name("again.html").read_text(encoding="utf-8") == written


@pytest.mark.parametrize("counted", [True, False])
def test_nothing_on_the_page_of_a_killed_run_is_in_english(tmp_path: Path, counted: bool) -> None:
    path = asyncio.run(killed(tmp_path / "ledger.sqlite3"))
    report = past_run(load_settings({"ledger": path}, environment={}, folder=tmp_path).settings, "last")
    assert report.ended is Ended.KILLED
    report.counted = counted
    own = f"UTC {CODES} {ERROR.message} a phone is missing"
    assert shown(on_page(page(report)), own) == []
    assert shown(on_page(page(report, dry_run=True)), own) == []


def test_nothing_that_history_shows_is_in_english(command: Command, leads: Path) -> None:
    ledger = leads.with_name("ledger.sqlite3")
    named = ("--lang", "vi", "--ledger", ledger.name)
    assert shown(command("history", "--lang", "vi").output) == []
    with api_beside() as api:
        set_faults(api, *FAULTS, "503:times=1")
        options = local(api, leads.parent, "--lang", "vi", "--attempts", "2")
        assert command("run", leads.name, *options).code == 3

    async def later_runs() -> None:
        with SqliteLedger(ledger) as opened:
            await begun(opened, NAMES[0])
            await begun(opened, NAMES[0].replace("aaaaaa", "aaaaab"), "other.csv")

    asyncio.run(later_runs())
    told = f"other html {CODES} {OF_THE_API} {ERROR.message} a phone is missing"
    ended = command("history", *named)
    assert ended.output.count("leads.csv") == 2
    assert shown(ended.output, told) == []
    assert shown(command("history", "--limit", "1", *named).output, told) == []
    names = [run["run"] for run in json.loads(command("history", "--json", *named).output)]
    for name in names:
        assert shown(command("history", name, *named).output, told, "report") == []
    for refused in (
        command("history", "nobody", *named),
        command("history", NAMES[0][:10], *named),
        command("history", "--lang", "vi", "--ledger", "nowhere"),
        command("history", "--lang", "vi", "--ledger", "leads.csv"),
        command("report", "--lang", "vi", "-o", "page.txt"),
    ):
        assert refused.code == 2
        assert shown(refused.errors, str(ledger), "nobody nowhere history page txt html") == []


# Folders


def laid(path: Path, *, hours: float = 1) -> Path:
    """Put a file that is none of leads to `path`, as if it had been there for so long."""
    path.write_text("x")
    return aged(path, hours * 3600)


def test_nothing_that_is_told_of_a_folder_and_its_archive_is_in_english(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    files = [write_leads(inbox / name, 2) for name in ("changed.csv", "copied.csv", "held.csv", "open.csv")]
    files.append(write_leads(inbox / "moved.csv", 2))
    for path in files:
        aged(path)
    for name in (".~lock.open.csv#", "copied.csv.part", "half.csv.part", "damaged.xlsx"):
        laid(inbox / name)
    laid(inbox / "old.csv.part", hours=48)
    for name in ("survey.results.csv", "moved.retry.csv"):
        aged(write_leads(inbox / name, 1))

    def archive(*given: Any) -> None:
        laid(inbox / "changed.csv")
        archive_files(*given)

    def move(path: Path, place: Path, _stamp: object) -> bool:
        if path.name == "held.csv":
            raise PermissionError(errno.EACCES, "denied")
        path.rename(place)
        return True

    monkeypatch.setattr("importer.importing.archive_files", archive)
    monkeypatch.setattr("importer.archiving._move", move)
    own = " ".join(
        [*(path.name for path in inbox.iterdir()), "inbox done nothing damaged denied lock kept run"]
    )
    with api_beside() as api:
        options = local(api, tmp_path, "--lang", "vi", "--archive", "done", "--log-format", "text")
        ended = command("run", "inbox", *options)
        assert {path.name for path in (tmp_path / "done").iterdir()} >= {"moved.csv", "moved.results.csv"}
        assert shown(ended.output, own, FOREIGN, str(tmp_path), "UTC") == []
        for name in ("changed.csv", "copied.csv", "damaged.xlsx", "held.csv", "open.csv", "old.csv.part"):
            assert f"inbox/{name}" in ended.output
        (tmp_path / "empty").mkdir()
        assert shown(command("run", "empty", *options).output, "empty") == []
        for arguments in (
            ("run", "nowhere/*.csv", *options),
            ("run", "inbox/held.csv", *options, "--archive", "inbox/open.csv"),
        ):
            refused = command(*arguments)
            assert refused.code == 2
            assert shown(refused.errors, own, "nowhere File exists") == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/hook", "{base_url}/nowhere"])
async def test_nothing_that_is_told_of_a_notice_is_in_english(tmp_path: Path, address: str) -> None:
    path = await killed(tmp_path / "ledger.sqlite3")
    report = past_run(load_settings({"ledger": path}, environment={}, folder=tmp_path).settings, "last")
    report.stopped = _("nothing")
    report.refused = [UsageError(_("nothing"))] * 7
    assert shown(text_of(report)) == []
    async with LocalApi(LOCAL_CREDENTIALS) as api:
        told = await notify(address.format(base_url=api.base_url), report)
    assert told
    assert shown(told, "notify") == []


# Settings


CREDENTIALS = 'client_key = "<client key>"\nclient_secret = "s"\n'


@pytest.mark.parametrize(
    "content",
    [
        "rate = [",
        "rates = 3",
        "moon = 3",
        "rate = 0",
        "on-doubt = 'hold'\non_doubt = 'hold'",
        "profiles = 3",
        "[profile]\nrate = 3",
        "[profiles]\nmoon = 3",
        "[profiles.moon]\nprofile = 'moon'",
        "profile = 'moon'",
        "profile = 'moon'\n[profiles.sandbox]\nrate = 3",
        "profile = 'sandbx'\n[profiles.sandbox]\nrate = 3",
        "metrics = 'moon.txt'",
        "notify = 'moon'",
        "base_url = 'https://example.org/api'",
        "base_url = 'https://me@example.org/api'",
        CREDENTIALS,
        'client_key = "k"',
        f'env = "production"\n{CREDENTIALS}',
    ],
)
def test_nothing_that_is_wrong_with_a_settings_file_is_told_in_english(
    command: Command, tmp_path: Path, content: str
) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    write_leads(tmp_path / "leads.csv", 1)
    refused = command("run", "leads.csv", "--lang", "vi", "--log-format", "text")
    assert refused.code == 2
    # What Python's reader of TOML says, and addresses.
    own = f"{content} {FILE_NAME} Invalid value at end of document NAME prom LEAD IMPORTER CLIENT KEY SECRET"
    assert shown(refused.errors, own, "config base url example org hook client profiles env init") == []


@pytest.mark.parametrize(
    ("content", "variables"),
    [
        ("", {"PROFILE": "moon"}),
        ("[profiles.moon]\nrate = 3", {"PROFILE": "moom"}),
        (f"[profiles.moon]\n{CREDENTIALS}", {"CLIENT_KEY": "k", "PROFILE": "moon"}),
        (
            '[profiles.moon]\nclient_key = "k"\nclient_secret = "s"',
            {"CLIENT_KEY": "other", "CLIENT_SECRET": "other", "PROFILE": "moon"},
        ),
        (
            '[profiles.moon]\nenv = "production"\nclient_key = "k"\nclient_secret = "s"',
            {"ENV": "sandbox", "PROFILE": "moon"},
        ),
        ("[profiles.moon]\nrate = 3", {"ENV": "moon"}),
        ("[profiles.moon]\nrate = 3", {"CONFIG": "nowhere.toml"}),
    ],
)
def test_nothing_that_is_wrong_between_settings_is_told_in_english(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    variables: dict[str, str],
) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    for name, value in variables.items():
        monkeypatch.setenv(f"LEAD_IMPORTER_{name}", value)
    write_leads(tmp_path / "leads.csv", 1)
    refused = command("run", "leads.csv", "--lang", "vi", "--log-format", "text", "--verbose")
    assert refused.code == 2
    given = " ".join([content, FILE_NAME, *variables, *variables.values()])
    assert shown(refused.errors, given, "LEAD IMPORTER CLIENT KEY SECRET config profiles env init") == []
