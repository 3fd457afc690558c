"""Which pair of credentials signs: a whole one, of the chosen profile and environment, or none at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import UsageError
from importer.settings import load_settings
from importer.settings.files import FILE_NAME
from importer.settings.pairs import choose_pair
from importer.settings.sources import CREDENTIALS, Given, Kind, Source
from importer.signing import Credentials

KEY, SECRET = "LEAD_IMPORTER_CLIENT_KEY", "LEAD_IMPORTER_CLIENT_SECRET"
PROFILE, ENV = "LEAD_IMPORTER_PROFILE", "LEAD_IMPORTER_ENV"

PLACEHOLDERS = 'client_key = "<client key>"\nclient_secret = "<client secret>"\n'


def pair(whose: str) -> dict[str, str]:
    return {KEY: f"key-{whose}", SECRET: f"secret-{whose}"}


def lines(variables: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def toml_pair(whose: str) -> str:
    return f'client_key = "key-{whose}"\nclient_secret = "secret-{whose}"\n'


PRODUCTION = f'[profiles.production]\nenv = "production"\n{toml_pair("production")}'
UNFILLED = f'[profiles.production]\nenv = "production"\n{PLACEHOLDERS}'
WITHOUT = '[profiles.production]\nenv = "production"\n'


def credentials(
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    env_file: Mapping[str, str] | None = None,
    toml: str | None = None,
    **options: object,
) -> Credentials | None:
    for name, content in ((".env", lines(env_file or {})), (FILE_NAME, toml)):
        if content:
            (folder / name).write_text(content, encoding="utf-8")
            (folder / name).chmod(0o600)
    return load_settings(options, environment=environment or {}, folder=folder).settings.credentials()


def signs_as(whose: str) -> Credentials:
    return Credentials(f"key-{whose}", f"secret-{whose}".encode())


@pytest.mark.parametrize(
    ("environment", "env_file", "toml", "profile", "whose"),
    [
        (pair("a"), {}, "", None, "a"),
        (pair("a"), pair("b"), toml_pair("c"), None, "a"),
        ({}, pair("b"), toml_pair("c"), None, "b"),
        ({}, {}, toml_pair("c"), None, "c"),
        ({}, {}, toml_pair("c") + PRODUCTION, "production", "production"),
        # A profile without a pair of its own takes that of the process, or of its file.
        (pair("a"), {}, WITHOUT, "production", "a"),
        (pair("a"), {}, UNFILLED, "production", "a"),
        ({}, {}, toml_pair("c") + WITHOUT, "production", "c"),
        # What tells its profile is for that, and left alone for others.
        ({}, pair("b") | {PROFILE: "production"}, WITHOUT, "production", "b"),
        ({}, pair("b") | {PROFILE: "sandbox"}, PRODUCTION, "production", "production"),
        (pair("a") | {PROFILE: "sandbox"}, {}, PRODUCTION, "production", "production"),
        # The same pair twice is no question.
        ({}, pair("production"), PRODUCTION, "production", "production"),
        (pair("production"), {}, PRODUCTION, "production", "production"),
        # The environment beside a pair is that of the run.
        (pair("a") | {ENV: "sandbox"}, {}, "", None, "a"),
        ({}, {}, f'env = "sandbox"\n{toml_pair("c")}', None, "c"),
    ],
)
def test_requests_are_signed_with_the_pair_of(
    tmp_path: Path,
    environment: dict[str, str],
    env_file: dict[str, str],
    toml: str,
    profile: str | None,
    whose: str,
) -> None:
    found = credentials(tmp_path, environment=environment, env_file=env_file, toml=toml, profile=profile)
    assert found == signs_as(whose)


REFUSED: list[tuple[str, dict[str, object], Sequence[str]]] = [
    (
        "halves of the environment and of .env",
        {"environment": {KEY: "k"}, "env_file": {SECRET: "canary"}},
        ["client key is given by the environment", "client secret only by", ".env", "Give both in one place"],
    ),
    (
        "half of a whole pair below",
        {"environment": {KEY: "k"}, "env_file": pair("canary")},
        ["client key is given by the environment", "client secret only by"],
    ),
    (
        "halves of a profile and of the environment",
        {"environment": {SECRET: "canary"}, "toml": '[profiles.x]\nclient_key = "k"\n', "profile": "x"},
        ["client secret is given by the environment", "client key only by [profiles.x] of"],
    ),
    (
        "halves of a profile and of the top",
        {"toml": 'client_secret = "canary"\n[profiles.x]\nclient_key = "k"\n', "profile": "x"},
        ["client key is given by [profiles.x] of", "client secret only by"],
    ),
    (
        "a profile that is not filled in, over a whole pair at the top",
        {"toml": toml_pair("canary") + UNFILLED, "profile": "production"},
        ["client key and the client secret in [profiles.production] of", "are not filled in"],
    ),
    (
        "half a profile that is not filled in",
        {"toml": '[profiles.x]\nclient_key = "k"\nclient_secret = "<canary>"\n', "profile": "x"},
        ["The client secret in [profiles.x] of", "is not filled in"],
    ),
    (
        "a blank profile over a whole pair at the top",
        {
            "toml": f'{toml_pair("canary")}[profiles.x]\nclient_key = ""\nclient_secret = " "\n',
            "profile": "x",
        },
        ["are not filled in"],
    ),
    (
        "another pair in the environment than in the profile",
        {"environment": pair("canary"), "toml": PRODUCTION, "profile": "production"},
        ["The pair in the environment is not that of [profiles.production]", "Remove one", f"{PROFILE}=NAME"],
    ),
    (
        "another pair in .env than in the profile",
        {"env_file": pair("canary"), "toml": PRODUCTION, "profile": "production"},
        [".env is not that of [profiles.production] of"],
    ),
    (
        "a pair in .env that does not tell its profile, for one without a pair",
        {"env_file": pair("canary"), "toml": WITHOUT, "profile": "production"},
        [".env does not say which profile its pair is for", f"write {PROFILE}=production beside it"],
    ),
    (
        "a pair in .env that does not tell its profile, for one that is not filled in",
        {"env_file": pair("canary"), "toml": UNFILLED, "profile": "production"},
        [".env does not say which profile its pair is for"],
    ),
    (
        "a pair of another profile in .env",
        {"env_file": pair("canary") | {PROFILE: "sandbox"}, "toml": WITHOUT, "profile": "production"},
        [".env are for the profile sandbox", "are left alone"],
    ),
    (
        "a pair beside another environment, in .env",
        {"env_file": pair("canary") | {ENV: "sandbox"}, "env": "production"},
        [".env stands beside env = sandbox, but the environment is production"],
    ),
    (
        "a pair beside another environment, at the top of a file",
        {"toml": f'env = "sandbox"\n{toml_pair("canary")}{WITHOUT}', "profile": "production"},
        ["stands beside env = sandbox, but the environment is production"],
    ),
    (
        "a pair of a profile, and another environment by an option",
        {"toml": PRODUCTION, "profile": "production", "env": "sandbox"},
        ["[profiles.production] of", "stands beside env = production, but the environment is sandbox"],
    ),
    (
        "a pair of a profile without an environment, whose file has another one",
        {
            "toml": f'env = "production"\n[profiles.x]\n{toml_pair("canary")}',
            "profile": "x",
            "env": "sandbox",
        },
        ["stands beside env = production"],
    ),
    (
        "an environment in .env that is not the profile's",
        {"env_file": {ENV: "sandbox"}, "toml": PRODUCTION, "profile": "production"},
        ["stands beside env = production, but the environment is sandbox"],
    ),
]


@pytest.mark.parametrize(("given", "told"), [pytest.param(*row, id=name) for name, *row in REFUSED])
def test_nothing_is_signed_with(tmp_path: Path, given: dict[str, object], told: Sequence[str]) -> None:
    with pytest.raises(UsageError) as refused:
        credentials(tmp_path, **given)  # type: ignore[arg-type]
    message = str(refused.value)
    for words in told:
        assert words in message
    for hidden in ("canary", "secret-", "key-"):
        assert hidden not in message


@pytest.mark.parametrize("given", [pytest.param(row[1], id=row[0]) for row in REFUSED])
def test_a_rehearsal_is_made_whatever_the_credentials_are(tmp_path: Path, given: dict[str, object]) -> None:
    found = credentials(tmp_path, **(given | {"env": "local"}))  # type: ignore[arg-type]
    assert found in (None, signs_as("canary"), signs_as("production"))


def test_a_wrong_type_in_a_profile_is_refused_unseen(tmp_path: Path) -> None:
    toml = '[profiles.x]\nclient_key = "k"\nclient_secret = ["canary"]\n'
    with pytest.raises(UsageError) as refused:
        credentials(tmp_path, toml=toml, profile="x")
    assert str(refused.value) == (
        f"client_secret in [profiles.x] of {tmp_path / FILE_NAME}: the value (not shown) is not allowed; "
        "give the client secret as text."
    )


HALVES = st.dictionaries(st.sampled_from(sorted(CREDENTIALS)), st.sampled_from(["a", "b", "<c>", " "]))
BESIDE = st.fixed_dictionaries(
    {}, optional={"profile": st.sampled_from("xy"), "env": st.sampled_from(["sandbox", "production"])}
)


@given(
    st.lists(st.tuples(HALVES, BESIDE), min_size=5, max_size=5),
    st.sampled_from([None, "x", "y"]),
    st.sampled_from(["sandbox", "production"]),
)
def test_whatever_is_signed_with_stands_whole_in_one_source_beside_nothing_else(
    written: list[tuple[dict[str, str], dict[str, str]]], profile: str | None, environment: str
) -> None:
    sources = [
        Source(kind, kind.name, {name: Given(value, name, name) for name, value in (halves | beside).items()})
        for kind, (halves, beside) in zip(Kind, written, strict=True)
    ]
    chosen = choose_pair(sources, profile=profile, environment=environment)
    if chosen.fault or chosen.given.keys() != CREDENTIALS:
        return
    (source,) = (
        one for one in sources if all(one.given.get(half) is found for half, found in chosen.given.items())
    )
    assert {found.value for found in chosen.given.values()} <= {"a", "b"}
    told = {option: found.value for option, found in source.given.items() if option not in CREDENTIALS}
    assert told.get("env", environment) == environment
    if source.kind in (Kind.ENVIRONMENT, Kind.ENV_FILE):
        assert told.get("profile", profile) == profile
    if source.kind is Kind.ENV_FILE and profile:
        own = {half: sources[3].given[half].value for half in CREDENTIALS & sources[3].given.keys()}
        assert "profile" in told or own == {half: found.value for half, found in chosen.given.items()}
