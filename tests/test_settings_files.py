"""The settings file: which one is read, what its profiles give, and which one is not trusted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from importer.errors import UsageError
from importer.settings import ADDRESSES, Loaded, load_settings
from importer.settings import files as settings_files
from importer.settings.files import FILE_NAME

posix = pytest.mark.skipif(
    os.name != "posix", reason="the mode of a file says who may write it on POSIX only"
)

PROFILES = """\
attempts = 2
limit = 9
[profiles.sandbox]
attempts = 3
[profiles.production]
env = "production"
rate = 50
"""


def written(path: Path, content: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)
    return path


def loaded(folder: Path, environment: Mapping[str, str] | None = None, /, **options: object) -> Loaded:
    return load_settings(options, environment=environment or {}, folder=folder)


def refusal(folder: Path, environment: Mapping[str, str] | None = None, /, **options: object) -> str:
    with pytest.raises(UsageError) as refused:
        loaded(folder, environment, **options)
    return str(refused.value)


# --- which file is read ----------------------------------------------------------------------------------


def test_a_file_in_the_working_directory_is_found(tmp_path: Path) -> None:
    written(tmp_path / FILE_NAME, "attempts = 2\n")
    found = loaded(tmp_path)
    assert (found.settings.attempts, found.settings.config) == (2, tmp_path / FILE_NAME)
    assert found.origins == {"attempts": "settings file", "config": "found"}
    assert found.notices == ()


def test_without_one_there_the_users_own_file_is_found(tmp_path: Path, user_config: Path) -> None:
    written(user_config, "attempts = 3\n")
    found = loaded(tmp_path).settings
    assert (found.attempts, found.config) == (3, user_config)


def test_of_two_files_the_users_own_is_not_read_and_that_is_told(tmp_path: Path, user_config: Path) -> None:
    written(tmp_path / FILE_NAME, "attempts = 2\n")
    written(user_config, "limit = 7\nzebra = 1\n")
    found = loaded(tmp_path)
    assert (found.settings.attempts, found.settings.limit) == (2, None)
    assert found.origins["config"] == f"found; {user_config} is not read"


@pytest.mark.parametrize("by", ["option", "environment", "env file"])
def test_a_file_that_is_named_goes_before_one_that_is_found(tmp_path: Path, by: str) -> None:
    written(tmp_path / FILE_NAME, "attempts = 2\n")
    named = written(tmp_path / "named.toml", "limit = 3\n")
    environment = {"LEAD_IMPORTER_CONFIG": "named.toml"} if by == "environment" else {}
    if by == "env file":
        written(tmp_path / ".env", "LEAD_IMPORTER_CONFIG=named.toml\n")
    options = {"config": named} if by == "option" else {}
    found = loaded(tmp_path, environment, **options).settings
    assert (found.attempts, found.limit) == (5, 3)


def test_a_folder_of_that_name_is_no_file(tmp_path: Path, user_config: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    user_config.mkdir(parents=True)
    assert loaded(tmp_path).settings.config is None


def test_a_config_directory_that_may_not_be_looked_into_holds_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    assert settings_files.found_files(tmp_path) == []


def test_verbose_tells_which_file_and_profile_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / FILE_NAME, PROFILES)
    assert loaded(tmp_path, verbose=True).notices == (f"Settings are read from {path}.",)
    notices = loaded(tmp_path, verbose=True, profile="sandbox").notices
    assert notices == (f"Settings are read from {path}, profile sandbox.",)
    path.unlink()
    assert loaded(tmp_path, verbose=True).notices == ()


# --- profiles --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sources", "winner"),
    [
        ({"option", "environment", "env file", "profile", "top"}, 1),
        ({"environment", "env file", "profile", "top"}, 2),
        ({"env file", "profile", "top"}, 3),
        ({"profile", "top"}, 4),
        ({"top"}, 5),
    ],
)
def test_the_values_of_a_profile_go_before_the_top_and_after_all_else(
    tmp_path: Path, sources: set[str], winner: int
) -> None:
    top, profile = "limit = 5\n" * ("top" in sources), "limit = 4\n" * ("profile" in sources)
    written(tmp_path / FILE_NAME, f"{top}[profiles.x]\n{profile}")
    if "env file" in sources:
        written(tmp_path / ".env", "LEAD_IMPORTER_LIMIT=3\n")
    environment = {"LEAD_IMPORTER_LIMIT": "2"} if "environment" in sources else {}
    options = {"limit": 1} if "option" in sources else {}
    assert loaded(tmp_path, environment, profile="x", **options).settings.limit == winner


@pytest.mark.parametrize("by", ["option", "environment", "env file", "top"])
def test_a_profile_is_chosen_by_option_variable_or_the_file_itself(tmp_path: Path, by: str) -> None:
    written(tmp_path / FILE_NAME, 'profile = "production"\n' * (by == "top") + PROFILES)
    environment = {"LEAD_IMPORTER_PROFILE": "production"} if by == "environment" else {}
    if by == "env file":
        written(tmp_path / ".env", "LEAD_IMPORTER_PROFILE=production\n")
    options = {"profile": "production"} if by == "option" else {}
    found = loaded(tmp_path, environment, **options)
    chosen = found.settings
    assert (chosen.profile, chosen.env, chosen.rate, chosen.attempts) == ("production", "production", 50, 2)
    assert (found.origins["rate"], found.origins["attempts"]) == ("profile production", "settings file")


def test_an_option_chooses_another_profile_than_the_files_own(tmp_path: Path) -> None:
    written(tmp_path / FILE_NAME, f'profile = "production"\n{PROFILES}')
    found = loaded(tmp_path, profile="sandbox").settings
    assert (found.env, found.attempts, found.rate) == ("sandbox", 3, None)


def test_without_a_choice_no_profile_has_a_say(tmp_path: Path) -> None:
    written(tmp_path / FILE_NAME, PROFILES)
    found = loaded(tmp_path).settings
    assert (found.profile, found.env, found.attempts) == (None, "sandbox", 2)


def test_verbose_at_the_top_does_not_overrule_quiet_in_a_profile(tmp_path: Path) -> None:
    written(tmp_path / FILE_NAME, "verbose = true\n[profiles.nightly]\nquiet = true\n")
    found = loaded(tmp_path, profile="nightly").settings
    assert (found.quiet, found.verbose) == (True, False)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("prodution", "Did you mean production? Those there are: production, sandbox."),
        ("prod", "Did you mean production? Those there are: production, sandbox."),
        ("Sandbox", "Did you mean sandbox? Those there are: production, sandbox."),
        ("zzz", "Those there are: production, sandbox."),
    ],
)
def test_an_unknown_profile_is_told_with_those_there_are_and_the_closest(
    tmp_path: Path, asked: str, hint: str
) -> None:
    path = written(tmp_path / FILE_NAME, PROFILES)
    assert refusal(tmp_path, profile=asked) == (
        f"option --profile: there is no profile {asked!r} in {path}. {hint}"
    )


def test_an_unknown_default_profile_is_told_with_its_place(tmp_path: Path) -> None:
    path = written(tmp_path / FILE_NAME, f'profile = "live"\n{PROFILES}')
    assert refusal(tmp_path).startswith(f"profile in {path}: there is no profile 'live'")


def test_a_profile_of_a_file_without_any_is_told_how_to_write_one(tmp_path: Path) -> None:
    path = written(tmp_path / FILE_NAME, "limit = 3\n")
    message = refusal(tmp_path, {"LEAD_IMPORTER_PROFILE": "x"})
    assert message == (
        f"environment variable LEAD_IMPORTER_PROFILE: there is no profile 'x' in {path}. "
        "It has none: write a table [profiles.x]."
    )


def test_a_profile_without_a_file_is_told_where_files_are_looked_for(
    tmp_path: Path, user_config: Path
) -> None:
    message = refusal(tmp_path, profile="production")
    assert message.startswith("option --profile: 'production' would be a profile of a settings file")
    for told in (FILE_NAME, str(user_config), "--config", "lead-importer init"):
        assert told in message


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        (
            "[profiles.x]\nconcurency = 3",
            ["[profiles.x] of {}: 'concurency' is no setting. Did you mean conc"],
        ),
        (
            "limits = 1\n[profiles.x]\nrates = 1\n[profiles.y]\nfast = 1",
            [
                "{}: 'limits' is no setting. Did you mean limit?",
                "[profiles.x] of {}: 'rates' is no setting. Did you mean rate?",
                "[profiles.y] of {}: 'fast' is no setting. ",
            ],
        ),
        ("[profiles.x]\ndry-run = true\ndry_run = true", ["[profiles.x] of {}: dry_run stands there twice"]),
        ("[profiles.x]\nconfig = 'y'", ["[profiles.x] of {}: 'config' is no setting."]),
        (
            "[profiles.x]\nprofile = 'y'",
            ["[profiles.x] of {}: 'profile' is no setting of a profile. It belongs at the top of the file."],
        ),
        (
            "[profile.x]\nlimit = 1",
            ["{}: profile is the name of the profile to use. The tables are called [prof"],
        ),
        ("[profils.x]\nlimit = 1", ["{}: 'profils' is no setting. Did you mean profiles?"]),
        ("profiles = 3", ["{}: profiles is no table. Write each profile as a table [profiles.NAME]."]),
        (
            "[profiles]\nx = 3",
            ["{}: profiles.x is no table. Write the profile as a table [profiles.x] of {}."],
        ),
        ("profile = ' '", ["profile in {}: ' ' is not allowed; give the name of a profile."]),
    ],
)
def test_a_faulty_profile_is_told_with_its_place_whichever_is_chosen(
    tmp_path: Path, content: str, faults: list[str]
) -> None:
    path = written(tmp_path / FILE_NAME, content)
    lines = refusal(tmp_path).split("\n")
    assert len(lines) == len(faults)
    for line, fault in zip(lines, faults, strict=True):
        assert line.startswith(fault.replace("{}", str(path)))


def test_a_wrong_value_is_told_with_its_profile_and_only_where_that_is_chosen(tmp_path: Path) -> None:
    path = written(tmp_path / FILE_NAME, "[profiles.x]\nrate = 'fast'\n[profiles.y]\n")
    assert loaded(tmp_path, profile="y").settings.rate is None
    assert refusal(tmp_path, profile="x") == (
        f"rate in [profiles.x] of {path}: 'fast' is not allowed; give a number greater than 0."
    )


@pytest.mark.parametrize("option", ["env", "base_url"])
def test_a_variable_that_sends_a_profiles_leads_elsewhere_is_told(tmp_path: Path, option: str) -> None:
    values = {"env": ("production", "sandbox"), "base_url": ("http://localhost:1", "http://localhost:2")}
    own, other = values[option]
    path = written(tmp_path / FILE_NAME, f"[profiles.x]\n{option} = '{own}'\n")
    name = f"LEAD_IMPORTER_{option.upper()}"
    assert loaded(tmp_path, {name: other}, profile="x").notices == (
        f"{option} is '{other}' by environment variable {name}, not '{own}' as [profiles.x] of {path} says.",
    )
    assert loaded(tmp_path, {name: own}, profile="x").notices == ()
    assert loaded(tmp_path, {name: own}, profile="x", **{option: other}).notices == ()


def test_the_password_in_an_address_that_is_overruled_is_not_shown(tmp_path: Path) -> None:
    written(tmp_path / FILE_NAME, "[profiles.x]\nbase_url = 'https://me:canary@example.org'\n")
    (notice,) = loaded(tmp_path, {"LEAD_IMPORTER_BASE_URL": "http://localhost:1"}, profile="x").notices
    assert "not the address (not shown) as" in notice


# --- which file is trusted -------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize(
    ("mode", "own_group"), [(0o620, False), (0o664, False), (0o602, True), (0o666, True), (0o666, False)]
)
@pytest.mark.parametrize(
    ("name", "content"), [(FILE_NAME, "limit = 3\n"), (".env", "LEAD_IMPORTER_LIMIT=3\n")]
)
def test_a_found_file_that_others_may_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, mode: int, own_group: bool
) -> None:
    path = written(tmp_path / name, content, mode)
    group = path.stat().st_gid
    monkeypatch.setattr("os.getegid", lambda: group if own_group else group + 1)
    message = refusal(tmp_path)
    assert message.startswith(f"{path} may be written by others on this computer")
    assert f"chmod go-w {path}" in message
    path.chmod(mode & ~0o022)
    assert loaded(tmp_path).settings.limit == 3


@posix
@pytest.mark.parametrize("mode", [0o620, 0o660, 0o664])
@pytest.mark.parametrize(
    ("name", "content"), [(FILE_NAME, "limit = 3\n"), (".env", "LEAD_IMPORTER_LIMIT=3\n")]
)
def test_a_found_file_that_the_users_own_group_may_write_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, mode: int
) -> None:
    path = written(tmp_path / name, content, mode)
    monkeypatch.setattr("os.getegid", lambda: path.stat().st_gid)
    found = loaded(tmp_path)
    assert (found.settings.limit, found.notices) == (3, ())


@posix
def test_the_users_own_file_that_others_may_write_is_refused(tmp_path: Path, user_config: Path) -> None:
    written(user_config, "limit = 3\n", 0o666)
    assert "may be written by others" in refusal(tmp_path)


@posix
@pytest.mark.parametrize(
    ("name", "content"), [(FILE_NAME, "limit = 3\n"), (".env", "LEAD_IMPORTER_LIMIT=3\n")]
)
def test_a_found_file_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str
) -> None:
    path = written(tmp_path / name, content)
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    monkeypatch.setattr("importer.settings.sources._SUPERUSER", -1)
    assert refusal(tmp_path).startswith(f"{path} belongs to another user of this computer")


@posix
def test_a_file_that_is_named_is_read_whoever_may_write_it(tmp_path: Path) -> None:
    path = written(tmp_path / FILE_NAME, "limit = 3\n", 0o666)
    assert loaded(tmp_path, config=path).settings.limit == 3


@posix
def test_an_env_file_of_other_programs_is_nobodys_business(tmp_path: Path) -> None:
    written(tmp_path / ".env", "DATABASE_URL=postgres://x\n", 0o666)
    assert loaded(tmp_path).notices == ()


@posix
def test_credentials_of_any_profile_keep_a_file_from_others(tmp_path: Path) -> None:
    path = written(tmp_path / FILE_NAME, "[profiles.x]\nclient_secret = 'canary'\n[profiles.y]\n", 0o644)
    assert refusal(tmp_path, profile="y").startswith(f"{path} holds credentials")


@pytest.mark.parametrize("table", ["", "[profiles.x]\n"])
def test_a_found_file_does_not_send_leads_off_this_computer(tmp_path: Path, table: str) -> None:
    path = written(tmp_path / FILE_NAME, f"{table}base_url = 'https://elsewhere.example'\n")
    options = {"profile": "x"} if table else {}
    message = refusal(tmp_path, {}, **options)
    assert "'https://elsewhere.example' would get the leads" in message
    assert f"--config {path}" in message
    address = "https://elsewhere.example"
    assert loaded(tmp_path, {}, config=path, **options).settings.base_url == address
    assert loaded(tmp_path, {"LEAD_IMPORTER_CONFIG": str(path)}, **options).settings.base_url == address
    assert loaded(tmp_path, {}, base_url=address, **options).settings.base_url == address


def test_an_env_file_does_not_send_leads_off_this_computer(tmp_path: Path) -> None:
    env_file = written(tmp_path / ".env", "LEAD_IMPORTER_BASE_URL=https://elsewhere.example\n")
    assert refusal(tmp_path) == (
        f"LEAD_IMPORTER_BASE_URL in {env_file}: 'https://elsewhere.example' would get the leads, and only a "
        "file in the working directory says so, which may have come with the sheets. If you mean it, give "
        "--base-url, or set LEAD_IMPORTER_BASE_URL in the environment."
    )


def test_a_file_that_only_an_env_file_names_counts_as_found(tmp_path: Path) -> None:
    written(tmp_path / ".env", "LEAD_IMPORTER_CONFIG=s.toml\n")
    written(tmp_path / "s.toml", "base_url = 'https://elsewhere.example'\n")
    assert "would get the leads" in refusal(tmp_path)


def test_the_users_own_file_may_send_leads_through_a_proxy(tmp_path: Path, user_config: Path) -> None:
    written(user_config, "base_url = 'https://proxy.example'\n")
    assert loaded(tmp_path).settings.base_url == "https://proxy.example"


@pytest.mark.parametrize("address", ["http://127.0.0.1:8700", ADDRESSES["sandbox"]])
def test_a_found_file_may_name_this_computer_and_the_api_itself(tmp_path: Path, address: str) -> None:
    written(tmp_path / FILE_NAME, f"base_url = '{address}'\n")
    assert loaded(tmp_path).settings.base_url == address


ELSEWHERE = {
    "notify": "https://elsewhere.example/hook",
    "ledger": "ledger.sqlite3",
    "results": "../results.csv",
    "summary": "/srv/summary.json",
    "report": "../report.html",
    "metrics": "../run.prom",
    "problems": "../problems.csv",
    "archive": "../done",
    "output": "../responses.csv",
}


@pytest.mark.parametrize("option", ELSEWHERE)
@pytest.mark.parametrize("by", ["settings file", "env file"])
def test_a_found_file_tells_no_hook_or_ledger_and_nothing_to_write_elsewhere(
    tmp_path: Path, option: str, by: str
) -> None:
    value = ELSEWHERE[option]
    path = tmp_path / FILE_NAME
    if by == "env file":
        written(tmp_path / ".env", f"LEAD_IMPORTER_{option.upper()}={value}\n")
        if option != "notify":
            assert getattr(loaded(tmp_path).settings, option) is not None
            return
    else:
        written(path, f"{option} = '{value}'\n")
        assert getattr(loaded(tmp_path, config=path).settings, option) is not None
    message = refusal(tmp_path)
    assert "only a file in the working directory says so" in message
    assert f"give --{option}, or " in message
    assert "https://" not in message
    assert getattr(loaded(tmp_path, **{option: value}).settings, option) is not None


def test_a_found_file_may_name_a_hook_of_this_computer_and_files_beside_it(tmp_path: Path) -> None:
    written(
        tmp_path / FILE_NAME,
        "notify = 'http://127.0.0.1:8701/hook'\nresults = 'out/r.csv'\narchive = 'done'\n",
    )
    assert loaded(tmp_path).settings.archive == Path("done")


def test_the_users_own_file_may_name_all_of_them(tmp_path: Path, user_config: Path) -> None:
    written(user_config, "".join(f"{option} = '{value}'\n" for option, value in ELSEWHERE.items()))
    assert loaded(tmp_path).settings.ledger == Path("ledger.sqlite3")
