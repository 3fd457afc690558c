"""Settings: which source wins, what each option takes, and secrets that never show."""

from __future__ import annotations

import datetime
import logging
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr

from importer.errors import InternalError, UsageError
from importer.settings import (
    ADDRESSES,
    CONCURRENCY_LIMIT,
    Loaded,
    Settings,
    default_ledger_path,
    load_settings,
)
from importer.settings import sources as settings_sources
from importer.signing import Credentials

CANARY = "canary-7f3a"
SOURCES = "importer.settings.sources"
PAIR = {"LEAD_IMPORTER_CLIENT_KEY": "key", "LEAD_IMPORTER_CLIENT_SECRET": CANARY}

posix = pytest.mark.skipif(os.name != "posix", reason="the mode of a file says who may read it on POSIX only")


def written(folder: Path, name: str, content: str | bytes, mode: int = 0o600) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def loaded(
    folder: Path, options: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None
) -> Loaded:
    return load_settings(options or {}, environment=environment or {}, folder=folder)


def settings(
    folder: Path, options: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    return loaded(folder, options, environment).settings


def refusal(
    folder: Path, options: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None
) -> str:
    with pytest.raises(UsageError) as refused:
        loaded(folder, options, environment)
    trace = "".join(traceback.format_exception(refused.value))
    assert CANARY not in trace
    assert "pydantic.dev" not in trace
    assert "validation error" not in trace
    return str(refused.value)


# --- sources ---------------------------------------------------------------------------------------------


def test_without_anything_given_the_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    assert loaded(tmp_path).notices == ()
    assert settings(tmp_path).model_dump() == {
        "config": None,
        "profile": None,
        "env": "sandbox",
        "base_url": None,
        "template": None,
        "map": {},
        "sheet": (),
        "results": None,
        "ledger": None,
        "adopt": (),
        "concurrency": 16,
        "processes": None,
        "rate": None,
        "attempts": 5,
        "timeout": 60,
        "on_doubt": "hold",
        "duplicates": "skip",
        "retry_rejected": False,
        "encoding": None,
        "no_repair": False,
        "strict": False,
        "limit": None,
        "dry_run": False,
        "summary": None,
        "report": None,
        "archive": None,
        "notify": None,
        "notify_on": "always",
        "metrics": None,
        "form": (),
        "since": None,
        "until": None,
        "output": None,
        "problems": None,
        "log_format": None,
        "lang": None,
        "quiet": False,
        "verbose": False,
        "proxy_from_environment": False,
        "client_key": None,
        "client_secret": None,
    }


@pytest.mark.parametrize(
    ("sources", "winner"),
    [
        ({"option", "environment", "file", "toml"}, 1),
        ({"environment", "file", "toml"}, 2),
        ({"file", "toml"}, 3),
        ({"toml"}, 4),
        (set(), 5),
    ],
)
def test_the_highest_source_that_gives_an_option_wins(tmp_path: Path, sources: set[str], winner: int) -> None:
    options: dict[str, object] = {
        "config": written(tmp_path, "s.toml", "attempts = 4\n" * ("toml" in sources))
    }
    environment = {}
    if "option" in sources:
        options["attempts"] = 1
    if "environment" in sources:
        environment["LEAD_IMPORTER_ATTEMPTS"] = "2"
    if "file" in sources:
        written(tmp_path, ".env", "LEAD_IMPORTER_ATTEMPTS=3\n")
    assert settings(tmp_path, options, environment).attempts == winner


VALUES = [
    ("env", "production", "production"),
    ("base_url", "http://localhost:8700/api/", "http://localhost:8700/api"),
    ("template", "2", "2"),
    ("map", "phone=Mobile", {"phone": "Mobile"}),
    ("sheet", "Leads", ("Leads",)),
    ("results", "out.csv", Path("out.csv")),
    ("ledger", "l.sqlite3", Path("l.sqlite3")),
    ("adopt", "r.csv", (Path("r.csv"),)),
    ("concurrency", "4", 4),
    ("processes", "2", 2),
    ("rate", "0.5", 0.5),
    ("attempts", "7", 7),
    ("timeout", "2.5", 2.5),
    ("on_doubt", "resend", "resend"),
    ("duplicates", "send", "send"),
    ("retry_rejected", "true", True),
    ("encoding", "windows-1258", "windows-1258"),
    ("no_repair", "true", True),
    ("strict", "1", True),
    ("limit", "10", 10),
    ("dry_run", "yes", True),
    ("summary", "s.json", Path("s.json")),
    ("report", "r.html", Path("r.html")),
    ("archive", "done", Path("done")),
    ("notify", "https://example.org/hook?key=1", SecretStr("https://example.org/hook?key=1")),
    ("notify_on", "trouble", "trouble"),
    ("metrics", "m.prom", Path("m.prom")),
    ("problems", "p.csv", Path("p.csv")),
    ("form", "12;13", ("12", "13")),
    ("since", "2023-11-14T22:13:20Z", 1_700_000_000),
    ("until", "2023-11-15T05:13:20.9+07:00", 1_700_000_000),
    ("output", "r.csv", Path("r.csv")),
    ("log_format", "json", "json"),
    ("lang", "vi", "vi"),
    ("quiet", "1", True),
    ("verbose", "on", True),
    ("proxy_from_environment", "true", True),
    ("client_key", "key", "key"),
]


def test_the_table_of_values_has_every_option() -> None:
    others = {"config", "profile", "client_secret"}
    assert {option for option, _, _ in VALUES} == Settings.model_fields.keys() - others


@pytest.mark.parametrize(("option", "text", "value"), VALUES)
def test_every_option_has_its_variable_in_the_environment_and_in_the_env_file(
    tmp_path: Path, option: str, text: str, value: object
) -> None:
    name = f"LEAD_IMPORTER_{option.upper()}"
    assert getattr(settings(tmp_path, {}, {name: text}), option) == value
    if option not in ("ledger", "notify"):  # which a file that came with the sheets may not tell
        written(tmp_path, ".env", f"{name}={text}\n")
        assert getattr(settings(tmp_path), option) == value


@pytest.mark.parametrize(("option", "text", "value"), VALUES)
def test_every_option_has_its_key_in_the_toml_file_with_a_hyphen_or_an_underscore(
    tmp_path: Path, option: str, text: str, value: object
) -> None:
    for key in (option, option.replace("_", "-")):
        path = written(tmp_path, "s.toml", f'{key} = "{text}"\n')
        assert getattr(settings(tmp_path, {"config": path}), option) == value


def test_the_process_and_the_working_directory_are_read_unless_others_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, ".env", "LEAD_IMPORTER_ATTEMPTS=3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEAD_IMPORTER_LIMIT", "9")
    found = load_settings({}).settings
    assert (found.attempts, found.limit) == (3, 9)


def test_settings_made_directly_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAD_IMPORTER_LIMIT", "9")
    assert Settings().limit is None
    assert Settings(base_url=None) == Settings()


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings(tmp_path).limit = 1


@pytest.mark.parametrize("value", [None, [], ()])
def test_an_option_of_nothing_leaves_the_lower_source_its_say(tmp_path: Path, value: object) -> None:
    environment = {"LEAD_IMPORTER_SHEET": "Leads"}
    assert settings(tmp_path, {"sheet": value}, environment).sheet == ("Leads",)


@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_variable_leaves_the_lower_source_its_say(tmp_path: Path, blank: str) -> None:
    written(tmp_path, ".env", f"LEAD_IMPORTER_LIMIT='{blank}'\nLEAD_IMPORTER_RATE\n")
    toml = written(tmp_path, "s.toml", "attempts = 4\nlimit = 8\nrate = 2\n")
    found = settings(tmp_path, {"config": toml}, {"LEAD_IMPORTER_ATTEMPTS": blank})
    assert (found.attempts, found.limit, found.rate) == (4, 8, 2)


def test_a_map_on_the_command_line_replaces_the_map_of_a_file_whole(tmp_path: Path) -> None:
    toml = written(tmp_path, "s.toml", '[map]\nname = "Ten"\nphone = "So"\n')
    assert settings(tmp_path, {"config": toml}).map == {"name": "Ten", "phone": "So"}
    assert settings(tmp_path, {"config": toml, "map": ["phone=Mobile"]}).map == {"phone": "Mobile"}


@pytest.mark.parametrize("place", ["environment", "env file"])
def test_the_toml_file_can_be_named_by_a_variable_beside_the_working_directory(
    tmp_path: Path, place: str
) -> None:
    written(tmp_path, "s.toml", "attempts = 4\n")
    variable = {"LEAD_IMPORTER_CONFIG": "s.toml"}
    if place == "env file":
        written(tmp_path, ".env", "LEAD_IMPORTER_CONFIG=s.toml\n")
        variable = {}
    assert settings(tmp_path, {}, variable).attempts == 4


def test_keys_of_other_programs_in_the_env_file_are_left_alone(tmp_path: Path) -> None:
    written(tmp_path, ".env", "ENV=production\nLIMIT=3\nDATABASE_URL=postgres://x\nLEAD_IMPORTER_FORM=12\n")
    found = loaded(tmp_path)
    assert (found.settings.env, found.settings.limit, found.notices) == ("sandbox", None, ())


def test_a_nearly_right_variable_is_told_with_the_right_one(tmp_path: Path) -> None:
    written(tmp_path, ".env", "LEAD_IMPORTER_CONCURENCY=3\n")
    found = loaded(tmp_path, {}, {"LEAD_IMPORTER_LIMITS": "10", "LEAD_IMPORTER_ZEBRA": "1", "PATH": "/bin"})
    assert found.notices == (
        "LEAD_IMPORTER_LIMITS in the environment is no setting and was not used. "
        "Did you mean LEAD_IMPORTER_LIMIT?",
        f"LEAD_IMPORTER_CONCURENCY in {tmp_path / '.env'} is no setting and was not used. "
        "Did you mean LEAD_IMPORTER_CONCURRENCY?",
    )


def test_an_env_file_that_starts_with_a_byte_order_mark_keeps_its_first_line(tmp_path: Path) -> None:
    written(tmp_path, ".env", "\ufeffLEAD_IMPORTER_ATTEMPTS=3\n")
    assert settings(tmp_path).attempts == 3


def test_a_folder_called_env_is_no_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert settings(tmp_path) == Settings()


def test_an_option_that_does_not_exist_is_a_fault_of_the_importer(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="concurency"):
        loaded(tmp_path, {"concurency": 3})


@pytest.mark.parametrize("option", ["client_key", "client_secret"])
def test_credentials_are_never_taken_from_the_command_line(tmp_path: Path, option: str) -> None:
    with pytest.raises(InternalError, match=option) as refused:
        loaded(tmp_path, {option: CANARY})
    assert CANARY not in str(refused.value)


# --- values ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value", "result"),
    [
        ("concurrency", 1, 1),
        ("concurrency", CONCURRENCY_LIMIT, CONCURRENCY_LIMIT),
        ("processes", 1, 1),
        ("processes", 64, 64),
        ("attempts", 100, 100),
        ("timeout", 3600, 3600),
        ("rate", 0.001, 0.001),
        ("limit", 1, 1),
        ("sheet", ["A;B", "C"], ("A;B", "C")),
        ("map", ["phone = Mobile = new ", "name=Ten"], {"phone": "Mobile = new", "name": "Ten"}),
        ("map", {"phone": "Mobile"}, {"phone": "Mobile"}),
        ("results", "~/r.csv", Path.home() / "r.csv"),
        ("results", Path("r.csv"), Path("r.csv")),
        ("template", 1, "1"),
    ],
)
def test_an_option_takes(tmp_path: Path, option: str, value: object, result: object) -> None:
    assert getattr(settings(tmp_path, {option: value}), option) == result


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("a=1", ["a=1"]),
        ("a=1;b=2", ["a=1", "b=2"]),
        (" a=1 ; ; b=2; ", ["a=1", "b=2"]),
        ("a=1\nb=2\n", ["a=1", "b=2"]),
        ("\r\n a=1\r\n\r\n b=x;y\r\n", ["a=1", "b=x;y"]),
        (";", []),
    ],
)
def test_a_variable_holds_several_entries_by_lines_or_by_semicolons(
    tmp_path: Path, text: str, entries: list[str]
) -> None:
    found = settings(tmp_path, {}, {"LEAD_IMPORTER_SHEET": text, "LEAD_IMPORTER_MAP": text})
    assert found.sheet == tuple(entries)
    assert found.map == dict(entry.split("=") for entry in entries)


WRONG = [
    ("env", "Production", "'Production' is not allowed; give local, sandbox or production."),
    ("template", " ", "' ' is not allowed; give the name of a template or the path of a .toml file."),
    ("map", ["phone"], "'phone' is not FIELD=COLUMN, such as phone=Mobile."),
    ("map", ["=Mobile"], "'=Mobile' is not FIELD=COLUMN, such as phone=Mobile."),
    ("map", ["phone="], "'phone=' is not FIELD=COLUMN, such as phone=Mobile."),
    ("map", ["phone=A", "phone=B"], "phone is given twice, as 'A' and 'B'; give it once."),
    ("map", 5, "5 is not allowed; give FIELD=COLUMN, such as phone=Mobile."),
    ("map", {"phone": True}, "{'phone': True} is not allowed; give FIELD=COLUMN, such as phone=Mobile."),
    ("sheet", ["A", ""], "['A', ''] is not allowed; give the name of a sheet."),
    ("sheet", ["", ""], "['', ''] is not allowed; give the name of a sheet."),
    ("results", "", "'' is not allowed; give the path of a file."),
    ("adopt", [5], "[5] is not allowed; give the path of a results file."),
    ("ledger", 5, "5 is not allowed; give the path of a file."),
    ("report", "~nobody-here/x", "'~nobody-here/x' names the home of nobody on this computer."),
    ("summary", "~nobody-here/x", "'~nobody-here/x' names the home of nobody on this computer."),
    ("problems", " ", "' ' is not allowed; give the path of a file."),
    ("form", ["x1"], "'x1' is not allowed; give the id of a form, in digits."),
    (
        "since",
        "2026",
        "'2026' is not allowed; give a date or a moment, such as 2026-11-24 or 2026-11-24T08:30+07:00.",
    ),
    (
        "until",
        5,
        "5 is not allowed; give a date or a moment, such as 2026-11-24 or 2026-11-24T08:30+07:00.",
    ),
    ("output", "", "'' is not allowed; give the path of a file."),
    ("processes", 65, "65 is not allowed; give a whole number from 1 to 64."),
    ("concurrency", 0, "0 is not allowed; give a whole number from 1 to 1000."),
    ("concurrency", 1001, "1001 is not allowed; give a whole number from 1 to 1000."),
    ("concurrency", "many", "'many' is not allowed; give a whole number from 1 to 1000."),
    ("concurrency", True, "true is not allowed; give a whole number from 1 to 1000."),
    ("rate", 0, "0 is not allowed; give a number greater than 0."),
    ("rate", "inf", "'inf' is not allowed; give a number greater than 0."),
    ("rate", float("nan"), "nan is not allowed; give a number greater than 0."),
    ("rate", True, "true is not allowed; give a number greater than 0."),
    ("attempts", 0, "0 is not allowed; give a whole number from 1 to 100."),
    ("attempts", 101, "101 is not allowed; give a whole number from 1 to 100."),
    ("attempts", 2.5, "2.5 is not allowed; give a whole number from 1 to 100."),
    ("timeout", 0, "0 is not allowed; give seconds, a number greater than 0 and at most 3600."),
    ("timeout", 3601, "3601 is not allowed; give seconds, a number greater than 0 and at most 3600."),
    ("timeout", "nan", "'nan' is not allowed; give seconds, a number greater than 0 and at most 3600."),
    ("timeout", True, "true is not allowed; give seconds, a number greater than 0 and at most 3600."),
    ("on_doubt", "ask", "'ask' is not allowed; give hold or resend."),
    ("duplicates", "ask", "'ask' is not allowed; give skip or send."),
    ("retry_rejected", "maybe", "'maybe' is not allowed; give true or false."),
    ("encoding", "", "'' is not allowed; give the name of an encoding, such as utf-8."),
    ("no_repair", "maybe", "'maybe' is not allowed; give true or false."),
    ("strict", 2, "2 is not allowed; give true or false."),
    ("limit", 0, "0 is not allowed; give a whole number from 1."),
    ("limit", True, "true is not allowed; give a whole number from 1."),
    ("limit", "9" * 5000, f"'{'9' * 79}… is not allowed; give a whole number from 1."),
    ("dry_run", 2, "2 is not allowed; give true or false."),
    ("log_format", "xml", "'xml' is not allowed; give text or json."),
    ("lang", "fr", "'fr' is not allowed; give en or vi."),
    ("quiet", "x", "'x' is not allowed; give true or false."),
    ("verbose", "x", "'x' is not allowed; give true or false."),
    ("proxy_from_environment", "x", "'x' is not allowed; give true or false."),
    ("config", "", "'' is not allowed; give the path of a TOML file."),
    ("profile", "", "'' is not allowed; give the name of a profile."),
    ("archive", " ", "' ' is not allowed; give the path of a folder."),
    ("notify", 3, "the address (not shown) is no address such as https://example.org/path."),
    (
        "notify",
        "http://example.org/hook",
        "the address (not shown) is not encrypted, which only an address of this computer may be; give an "
        "https:// address.",
    ),
    ("notify_on", "never", "'never' is not allowed; give always or trouble."),
    ("metrics", " ", "' ' is not allowed; give the path of a .prom file."),
    (
        "metrics",
        "leads.csv",
        "'leads.csv' does not end in .prom, and the node exporter reads no other files; let its name end so.",
    ),
    ("base_url", True, "true is not allowed; give an address such as https://example.org/path."),
]


@pytest.mark.parametrize(("option", "value", "message"), WRONG)
def test_a_wrong_value_is_told_with_what_is_allowed(
    tmp_path: Path, option: str, value: object, message: str
) -> None:
    assert refusal(tmp_path, {option: value}) == f"option --{option.replace('_', '-')}: {message}"


def test_every_option_is_refused_some_value() -> None:
    assert {option for option, _, _ in WRONG} == Settings.model_fields.keys() - {
        "client_key",
        "client_secret",
    }


def test_every_closed_choice_is_spelt_out_in_what_is_allowed() -> None:
    for option, field in Settings.model_fields.items():
        assert field.description, option
        for choice in get_args(field.annotation):
            if isinstance(choice, str):
                assert choice in field.description


def test_each_place_is_named_as_a_person_finds_it_and_all_faults_come_together(tmp_path: Path) -> None:
    file = written(tmp_path, ".env", "LEAD_IMPORTER_RATE=fast\n")
    toml = written(tmp_path, "s.toml", "on-doubt = 1\n")
    message = refusal(tmp_path, {"config": toml, "limit": 0}, {"LEAD_IMPORTER_CONCURRENCY": "0"})
    assert set(message.split("\n")) == {
        "option --limit: 0 is not allowed; give a whole number from 1.",
        "environment variable LEAD_IMPORTER_CONCURRENCY: '0' is not allowed; "
        "give a whole number from 1 to 1000.",
        f"LEAD_IMPORTER_RATE in {file}: 'fast' is not allowed; give a number greater than 0.",
        f"on-doubt in {toml}: 1 is not allowed; give hold or resend.",
    }


def test_a_wrong_value_that_a_higher_source_overrules_does_no_harm(tmp_path: Path) -> None:
    assert settings(tmp_path, {"attempts": 3}, {"LEAD_IMPORTER_ATTEMPTS": "many"}).attempts == 3


def test_quiet_and_verbose_in_one_place_exclude_each_other(tmp_path: Path) -> None:
    assert refusal(tmp_path, {"quiet": True, "verbose": True}) == (
        "option --verbose: quiet and verbose exclude each other; give one of them."
    )
    assert settings(tmp_path, {"quiet": True, "verbose": False}).quiet


def test_verbose_on_the_command_line_overrules_quiet_in_a_file(tmp_path: Path) -> None:
    toml = written(tmp_path, "s.toml", "quiet = true\n")
    found = settings(tmp_path, {"config": toml, "verbose": True})
    assert (found.quiet, found.verbose) == (False, True)


# --- addresses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "https://api.tiki.vn/tiniapp-sandbox-open-api"),
        ({"env": "production"}, "https://api.tiki.vn/tiniapp-open-api"),
        ({"env": "local"}, None),
        ({"env": "local", "base_url": "http://localhost:8080/"}, "http://localhost:8080"),
        ({"base_url": "https://proxy.example/tiki//"}, "https://proxy.example/tiki"),
        ({"base_url": "https://user-at-home.example/a@b"}, "https://user-at-home.example/a@b"),
        ({"base_url": "http://127.8.9.1:80"}, "http://127.8.9.1:80"),
        ({"base_url": "http://[::1]:80/x"}, "http://[::1]:80/x"),
        ({"base_url": "HTTP://LocalHost/x"}, "HTTP://LocalHost/x"),
        ({"base_url": ADDRESSES["sandbox"] + "/"}, ADDRESSES["sandbox"]),
        ({"env": "production", "base_url": ADDRESSES["production"]}, ADDRESSES["production"]),
    ],
)
def test_the_address_is_the_one_given_or_that_of_the_environment(
    tmp_path: Path, options: dict[str, object], address: str | None
) -> None:
    assert settings(tmp_path, options).api_address() == address


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("", "'' is no address"),
        ("api.tiki.vn", "is no address"),
        ("ftp://example.org", "is no address"),
        ("https://", "is no address"),
        ("https:///path", "is no address"),
        ("https://:443", "is no address"),
        ("https://example.org:0", "is no address"),
        ("https://example.org:99999", "is no address"),
        ("https://example.org:port", "is no address"),
        ("http://[::1", "is no address"),
        ("https://example.org/a b", "has a blank"),
        ("https://exam\nple.org", "has a blank"),
        ("https://example.org\u00a0", "has a blank"),
        ("http://evil.example\\@localhost", "has a blank, a backslash"),
        ("https://example.org/?a=1", "has a query"),
        ("https://example.org/?", "has a query"),
        ("https://example.org/#a", "has a query or a fragment"),
        ("http://example.org", "is not encrypted"),
        ("http://10.0.0.1", "is not encrypted"),
        ("http://127.0.0.1.example.org", "is not encrypted"),
        ("http://localhost.example.org", "is not encrypted"),
        ("http://[2001:db8::1]", "is not encrypted"),
    ],
)
def test_an_address_is_refused_that(tmp_path: Path, address: str, fault: str) -> None:
    message = refusal(tmp_path, {"base_url": address})
    assert message.startswith("option --base-url: ")
    assert fault in message


@pytest.mark.parametrize(
    "address",
    [
        f"https://me:{CANARY}@example.org",
        f"http://localhost:{CANARY}@example.org/",
        f"ftp://me:{CANARY}@example.org",
        f"me:{CANARY}@example.org",
        f"https://me:{CANARY}@example.org/?q=1",
        f"https://me:{CANARY}@example.org:x",
        [f"https://me:{CANARY}@example.org"],
    ],
)
def test_a_password_in_an_address_is_refused_and_not_shown(tmp_path: Path, address: object) -> None:
    assert "the address (not shown)" in refusal(tmp_path, {"base_url": address})


@pytest.mark.parametrize("address", [ADDRESSES["production"], "https://API.tiki.vn:443/tiniapp-open-api/"])
@pytest.mark.parametrize("options", [{}, {"env": "local"}])
def test_production_must_be_named_even_when_its_address_is_given(
    tmp_path: Path, address: str, options: dict[str, object]
) -> None:
    message = refusal(tmp_path, {**options, "base_url": address})
    assert "the address of production, but the environment is" in message
    assert "--env production" in message


def test_the_sandbox_is_not_taken_for_production(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"env": "production", "base_url": ADDRESSES["sandbox"]})
    assert "the address of sandbox, but the environment is production" in message


def test_a_wrong_environment_does_not_hide_behind_an_address(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"env": "prod", "base_url": ADDRESSES["production"]})
    assert message == "option --env: 'prod' is not allowed; give local, sandbox or production."


# --- credentials -----------------------------------------------------------------------------------------


def test_credentials_come_from_the_environment(tmp_path: Path) -> None:
    assert settings(tmp_path, {}, PAIR).credentials() == Credentials("key", CANARY.encode())


def test_blanks_around_credentials_are_stripped(tmp_path: Path) -> None:
    environment = {"LEAD_IMPORTER_CLIENT_KEY": " key\n", "LEAD_IMPORTER_CLIENT_SECRET": f"\t{CANARY}\r\n"}
    assert settings(tmp_path, {}, environment).credentials() == Credentials("key", CANARY.encode())


@pytest.mark.parametrize("environment", ["sandbox", "production"])
@pytest.mark.parametrize(
    ("given", "missing", "there"),
    [
        (set(), "The client key and the client secret are missing", None),
        ({"LEAD_IMPORTER_CLIENT_KEY"}, "The client secret is missing", "LEAD_IMPORTER_CLIENT_KEY"),
        ({"LEAD_IMPORTER_CLIENT_SECRET"}, "The client key is missing", "LEAD_IMPORTER_CLIENT_SECRET"),
    ],
)
def test_missing_credentials_are_named_with_the_ways_to_give_them(
    tmp_path: Path, environment: str, given: set[str], missing: str, there: str | None
) -> None:
    found = settings(tmp_path, {"env": environment}, {name: PAIR[name] for name in given})
    with pytest.raises(UsageError) as refused:
        found.credentials()
    message = str(refused.value)
    assert message.startswith(missing)
    for name in PAIR:
        assert (name in message) is (name != there)
    for way in ("environment variable", ".env", "TOML file of --config", "Tini console", "--env local"):
        assert way in message
    assert CANARY not in message


@pytest.mark.parametrize("blank", ['""', '"  "'])
def test_blank_credentials_in_the_toml_file_are_not_filled_in(tmp_path: Path, blank: str) -> None:
    toml = written(tmp_path, "s.toml", f"client_key = {blank}\nclient_secret = {blank}\n")
    with pytest.raises(UsageError, match="are not filled in"):
        settings(tmp_path, {"config": toml}).credentials()


@pytest.mark.parametrize("sign", [" ", "\n", "\r\n", "\t", "\x00", "\x7f", "\u00e9", "\u200b", "\ud800"])
@pytest.mark.parametrize("name", list(PAIR))
def test_credentials_that_cannot_travel_in_a_header_are_refused_unseen(
    tmp_path: Path, name: str, sign: str
) -> None:
    found = settings(tmp_path, {}, {**PAIR, name: f"{CANARY}{sign}{CANARY}"})
    with pytest.raises(UsageError) as refused:
        found.credentials()
    assert name in str(refused.value)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("given", [set(), {"LEAD_IMPORTER_CLIENT_KEY"}, {"LEAD_IMPORTER_CLIENT_SECRET"}])
def test_the_local_environment_needs_no_credentials(tmp_path: Path, given: set[str]) -> None:
    assert settings(tmp_path, {"env": "local"}, {name: PAIR[name] for name in given}).credentials() is None


def test_the_local_environment_takes_credentials_that_are_given(tmp_path: Path) -> None:
    assert settings(tmp_path, {"env": "local"}, PAIR).credentials() == Credentials("key", CANARY.encode())


def test_the_secret_is_in_no_representation(tmp_path: Path) -> None:
    found = loaded(tmp_path, {}, PAIR)
    assert found.settings.client_secret is not None
    for text in (repr(found), str(found.settings), repr(found.settings.model_dump()), f"{found.settings!r}"):
        assert "client_secret" in text
        assert CANARY not in text
    assert CANARY not in found.settings.model_dump_json()
    given = settings_sources.from_environment(Settings, PAIR).given
    assert given["client_secret"].value == CANARY
    assert CANARY not in repr(given)


def test_the_secret_is_in_no_message_about_another_option(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"limit": 0}, PAIR)
    assert message == "option --limit: 0 is not allowed; give a whole number from 1."


def test_pydantic_itself_does_not_show_what_settings_were_made_of() -> None:
    with pytest.raises(ValueError, match="client_secret") as refused:
        Settings.model_validate({"client_secret": [CANARY]})
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("option", ["client_key", "client_secret"])
def test_a_credential_of_the_wrong_type_is_refused_unseen(tmp_path: Path, option: str) -> None:
    toml = written(tmp_path, "s.toml", f'{option} = ["{CANARY}"]\n')
    assert refusal(tmp_path, {"config": toml}) == (
        f"{option} in {toml}: the value (not shown) is not allowed; "
        f"give the {option.replace('_', ' ')} as text."
    )


def test_the_secret_stays_out_of_the_log_of_pydantic_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "1")
    with caplog.at_level(logging.DEBUG):
        assert settings(tmp_path, {}, PAIR).credentials()
    assert CANARY not in caplog.text


# --- files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        ("concurency = 3", ["'concurency' is no setting. Did you mean concurrency?"]),
        ("Base-URL = 3", ["'Base-URL' is no setting. Did you mean base_url?"]),
        (
            "zebra = 3",
            ["'zebra' is no setting. The settings are adopt, archive, attempts, base_url, client_key, "],
        ),
        ('config = "x.toml"', ["'config' is no setting."]),
        ("[run]\nlimit = 3", ["'run' is no setting."]),
        ("limits = 1\nrates = 1", ["'limits' is no setting. Did you mean limit?", "'rates' is no setting."]),
        ("dry-run = true\ndry_run = true", ["dry_run stands there twice, with - and with _."]),
        ("limit = ", ["is no TOML file: "]),
        (b"template = '\xff'", ["is not UTF-8 text. Save it again as UTF-8."]),
    ],
)
def test_a_faulty_toml_file_is_refused_with_its_name(
    tmp_path: Path, content: str | bytes, faults: list[str]
) -> None:
    toml = written(tmp_path, "s.toml", content)
    lines = refusal(tmp_path, {"config": toml}).split("\n")
    assert len(lines) == len(faults)
    for line, fault in zip(lines, faults, strict=True):
        assert line.startswith(str(toml))
        assert fault in line


@pytest.mark.parametrize("name", ["missing.toml", "folder"])
def test_a_toml_file_that_is_not_there_is_told_with_the_place_that_names_it(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    assert refusal(tmp_path, {}, {"LEAD_IMPORTER_CONFIG": name}) == (
        f"environment variable LEAD_IMPORTER_CONFIG: there is no file {tmp_path / name}. Check the path."
    )


def test_an_env_file_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, ".env", "LEAD_IMPORTER_LIMIT=3\n".encode("utf-16"))
    assert refusal(tmp_path) == f"{path} is not UTF-8 text. Save it again as UTF-8."


@pytest.mark.parametrize(
    ("name", "reader"), [(".env", f"{SOURCES}.DotEnvSettingsSource"), ("s.toml", "pathlib.Path.open")]
)
def test_a_file_that_may_not_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reader: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    # The superuser, as whom tests may run, can read whatever a mode forbids.
    path = written(tmp_path, name, "")
    monkeypatch.setattr(reader, refuse)
    message = f"{path} cannot be read (Permission denied). Check who may read it."
    assert refusal(tmp_path, {"config": tmp_path / "s.toml"}) == message


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
@pytest.mark.parametrize("option", ["client_secret", "client-secret", "client_key"])
def test_a_toml_file_with_credentials_that_others_can_open_is_refused(
    tmp_path: Path, mode: int, option: str
) -> None:
    toml = written(tmp_path, "s.toml", f'{option} = "{CANARY}"\n', mode)
    assert f"chmod 600 {toml}" in refusal(tmp_path, {"config": toml})
    assert toml.stat().st_mode & 0o777 == mode


@posix
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_toml_file_with_credentials_that_only_its_owner_can_open_is_read(tmp_path: Path, mode: int) -> None:
    toml = written(tmp_path, "s.toml", f'client_key = "key"\nclient_secret = "{CANARY}"\n', mode)
    assert settings(tmp_path, {"config": toml}).credentials() == Credentials("key", CANARY.encode())


def test_files_without_credentials_may_be_open_to_all(tmp_path: Path) -> None:
    toml = written(tmp_path, "s.toml", "limit = 3\n", 0o644)
    file = written(tmp_path, ".env", "LEAD_IMPORTER_RATE=3\nLEAD_IMPORTER_CLIENT_SECRET=\n", 0o644)
    found = loaded(tmp_path, {"config": toml})
    assert (found.settings.limit, found.settings.rate, found.notices) == (3, 3, ())
    assert file.stat().st_mode & 0o777 == 0o644


@posix
@pytest.mark.parametrize("name", list(PAIR))
@pytest.mark.parametrize("mode", [0o644, 0o660, 0o664])
def test_an_env_file_with_credentials_that_others_can_open_is_tightened_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: int
) -> None:
    file = written(tmp_path, ".env", f"{name}={CANARY}\n", mode)
    monkeypatch.setattr("os.getegid", lambda: file.stat().st_gid)
    found = loaded(tmp_path, {}, PAIR)
    assert file.stat().st_mode & 0o777 == 0o600
    (notice,) = found.notices
    assert notice.startswith(f"{file} holds credentials")
    assert CANARY not in notice
    assert loaded(tmp_path, {}, PAIR).notices == ()


@posix
@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (PermissionError(1, "Operation not permitted"), "Operation not permitted"),
        (None, "its file system keeps no permissions"),
    ],
)
def test_an_env_file_that_cannot_be_tightened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: OSError | None, reason: str
) -> None:
    file = written(tmp_path, ".env", f"LEAD_IMPORTER_CLIENT_SECRET={CANARY}\n", 0o644)

    def chmod(*_: object) -> None:
        if failure:
            raise failure

    monkeypatch.setattr(Path, "chmod", chmod)
    message = refusal(tmp_path)
    assert f"({reason})" in message
    assert f"chmod 600 {file}" in message


def test_where_modes_say_nothing_they_are_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml = written(tmp_path, "s.toml", f'client_key = "key"\nclient_secret = "{CANARY}"\n', 0o644)
    monkeypatch.setattr(settings_sources, "_KEEPS_MODES", False)
    assert settings(tmp_path, {"config": toml}).credentials()


def test_the_ledger_is_kept_in_the_state_directory_of_the_user() -> None:
    path = default_ledger_path()
    assert path.is_absolute()
    assert path.parts[-2:] == ("lead-importer", "ledger.sqlite3")


def test_settings_import_neither_the_network_nor_the_tables() -> None:
    asked = "import sys, importer.settings; print(*sys.modules, sep='\\n')"
    modules = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert re.search("^importer.settings$", modules, re.MULTILINE)
    assert not re.search("^(aiohttp|pandas|typer)$", modules, re.MULTILINE)


# --- periods ---------------------------------------------------------------------------------------------


def test_a_date_is_meant_with_its_whole_day_where_this_computer_is(tmp_path: Path) -> None:
    day = datetime.date(2026, 11, 24)
    found = settings(tmp_path, {"since": str(day), "until": str(day)})
    midnight = datetime.datetime.combine(day, datetime.time.min)
    assert found.since == midnight.timestamp()
    assert found.until == (midnight + datetime.timedelta(days=1)).timestamp() - 1


def test_toml_has_dates_and_moments_of_its_own(tmp_path: Path) -> None:
    config = written(tmp_path, "s.toml", "since = 2026-11-24T00:00:00Z\nuntil = 2026-11-24\nform = [7, 8]\n")
    found = settings(tmp_path, {"config": config})
    assert found.since == 1_795_478_400
    assert found.until is not None
    assert found.form == ("7", "8")


def test_a_period_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, {"since": "2026-11-24", "until": "2026-11-20"})
    assert said == "option --until: the end of the period is before its beginning, which since tells."
