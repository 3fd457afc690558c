"""Every option of ``run``: its default, what it takes, and where it may come from.

Highest first: options on the command line, environment variables ``LEAD_IMPORTER_<OPTION>``, the file
``.env`` in the working directory, the TOML file of ``--config``, the defaults. An option comes whole from one
of them: a ``--map`` on the command line replaces the map of a file. The credentials never come from the
command line, where every user of the computer could read them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from importer.errors import InternalError, UsageError
from importer.settings.sources import (
    CREDENTIALS,
    PREFIX,
    Given,
    from_env_file,
    from_environment,
    from_toml,
    misspelt,
    variable,
)
from importer.settings.values import (
    address_fault,
    check_number,
    check_text,
    expand_path,
    parse_columns,
    parse_since,
    parse_until,
    same_address,
    shown,
    split_entries,
)
from importer.signing import Credentials

ADDRESSES: Mapping[str, str] = {
    "sandbox": "https://api.tiki.vn/tiniapp-sandbox-open-api",
    "production": "https://api.tiki.vn/tiniapp-open-api",
}

# Each request under way holds a socket, and most systems let a process open 1,024 files.
CONCURRENCY_LIMIT = 1000

# Given in a higher place, either sets both of a lower place aside: --verbose overrules a file's quiet.
_VOLUME = frozenset({"quiet", "verbose"})

_FORM_ID = re.compile("[0-9]{1,30}")
_HEADER_VALUE = re.compile(r"[!-~]+")

_Number = BeforeValidator(check_number)
_Text = Annotated[str, BeforeValidator(check_text)]
_File = Annotated[Path, BeforeValidator(expand_path)]


class Settings(BaseSettings):
    """The options of a run, validated. The description of a field says what it takes: messages quote it.

    An instance holds only what it is given: :func:`load_settings` is what reads the environment and files.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        # `template = 1` is what people write in TOML for the template named "1".
        coerce_numbers_to_str=True,
        env_prefix=PREFIX,
        # Lists and maps have a plain spelling here, and need no JSON.
        enable_decoding=False,
        # A check runs on what was given, so that every fault has a place to name.
        validate_default=False,
    )

    config: Annotated[_File | None, Field(description="the path of a TOML file")] = None
    """The TOML file that the rest may come from; never from the TOML file itself."""

    env: Annotated[
        Literal["local", "sandbox", "production"], Field(description="local, sandbox or production")
    ] = "sandbox"

    base_url: Annotated[str | None, Field(description="an address such as https://example.org/path")] = None
    """Another address of the API, without a slash at its end."""

    template: Annotated[
        _Text | None, Field(description="the name of a template or the path of a .toml file")
    ] = None
    """Without it, the one that the headers fit."""

    map: Annotated[
        dict[_Text, _Text],
        BeforeValidator(parse_columns),
        Field(description="FIELD=COLUMN, such as phone=Mobile"),
    ] = {}
    """The column of a field, where its header does not tell."""

    sheet: Annotated[
        tuple[_Text, ...], BeforeValidator(split_entries), Field(description="the name of a sheet")
    ] = ()
    """Without any, every visible sheet that has the columns."""

    results: Annotated[_File | None, Field(description="the path of a file")] = None
    """Without it, beside the input."""

    ledger: Annotated[_File | None, Field(description="the path of a file")] = None
    """Without it, :func:`default_ledger_path`."""

    adopt: Annotated[
        tuple[_File, ...], BeforeValidator(split_entries), Field(description="the path of a results file")
    ] = ()
    """Results of runs that the ledger does not know, to be taken over."""

    concurrency: Annotated[
        int,
        _Number,
        Field(ge=1, le=CONCURRENCY_LIMIT, description=f"a whole number from 1 to {CONCURRENCY_LIMIT}"),
    ] = 16
    """Requests under way at once, at most."""

    processes: Annotated[
        int | None, _Number, Field(ge=1, le=64, description="a whole number from 1 to 64")
    ] = None
    """Processes that send; without it, as many as fit the rows and the machine."""

    rate: Annotated[
        float | None, _Number, Field(gt=0, allow_inf_nan=False, description="a number greater than 0")
    ] = None
    """Requests a second, at most; without it, no limit."""

    attempts: Annotated[int, _Number, Field(ge=1, le=100, description="a whole number from 1 to 100")] = 5
    """Tries for one row, at most."""

    timeout: Annotated[
        float,
        _Number,
        Field(
            gt=0,
            le=3600,
            allow_inf_nan=False,
            description="seconds, a number greater than 0 and at most 3600",
        ),
    ] = 60.0
    """Seconds to wait for an answer once a request was sent."""

    on_doubt: Annotated[Literal["hold", "resend"], Field(description="hold or resend")] = "hold"
    """Whether a request that may have been processed is sent again."""

    duplicates: Annotated[Literal["skip", "send"], Field(description="skip or send")] = "skip"
    """What happens to a lead that the ledger or the same file has already."""

    retry_rejected: Annotated[bool, Field(description="true or false")] = False
    """Whether a row that the API refused is sent again unchanged."""

    encoding: Annotated[_Text | None, Field(description="the name of an encoding, such as utf-8")] = None
    """Of text files; without it, it is found."""

    no_repair: Annotated[bool, Field(description="true or false")] = False
    """Whether values are sent as they stand, with a warning for what would have been repaired."""

    strict: Annotated[bool, Field(description="true or false")] = False
    """Whether a row with a warning is invalid."""

    limit: Annotated[int | None, _Number, Field(ge=1, description="a whole number from 1")] = None
    """Only the first so many rows that would be sent."""

    dry_run: Annotated[bool, Field(description="true or false")] = False
    """Stop before sending."""

    summary: Annotated[_File | None, Field(description="the path of a file")] = None
    """Where the totals go as JSON."""

    form: Annotated[
        tuple[_Text, ...], BeforeValidator(split_entries), Field(description="the id of a form, in digits")
    ] = ()
    """The forms whose responses are exported."""

    since: Annotated[
        int | None,
        BeforeValidator(parse_since),
        Field(description="a date or a moment, such as 2026-11-24 or 2026-11-24T08:30+07:00"),
    ] = None
    """Seconds since the epoch, UTC: only responses from then on; so is `until`."""

    until: Annotated[
        int | None,
        BeforeValidator(parse_until),
        Field(description="a date or a moment, such as 2026-11-24 or 2026-11-24T08:30+07:00"),
    ] = None

    output: Annotated[_File | None, Field(description="the path of a file")] = None
    """Where an export goes."""

    problems: Annotated[_File | None, Field(description="the path of a file")] = None
    """Where a check lists everything that it finds about single rows."""

    log_format: Annotated[Literal["text", "json"] | None, Field(description="text or json")] = None
    """Without it, text on a terminal and JSON otherwise."""

    quiet: Annotated[bool, Field(description="true or false")] = False
    verbose: Annotated[bool, Field(description="true or false")] = False

    proxy_from_environment: Annotated[bool, Field(description="true or false")] = False
    """Whether HTTPS_PROXY and its like are heeded."""

    client_key: Annotated[str | None, Field(description="the client key as text")] = None
    client_secret: Annotated[SecretStr | None, Field(description="the client secret as text")] = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take nothing but what is given: the sources are merged while their places are still known."""
        return (init_settings,)

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        fault = address_fault(value)
        if fault:
            raise ValueError(f"{_shown_address(value)} {fault}")
        address = value.rstrip("/")
        for environment, known in ADDRESSES.items():
            chosen = info.data.get("env", environment)
            if same_address(address, known) and chosen != environment:
                raise ValueError(
                    f"{shown(value)} is the address of {environment}, but the environment is {chosen}; "
                    f"give --env {environment}, which needs no --base-url"
                )
        return address

    @field_validator("form")
    @classmethod
    def _check_form(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if other := next((form for form in value if not _FORM_ID.fullmatch(form)), None):
            raise ValueError(f"{shown(other)} is not allowed; give the id of a form, in digits")
        return tuple(dict.fromkeys(value))

    @field_validator("until")
    @classmethod
    def _check_period(cls, value: int | None, info: ValidationInfo) -> int | None:
        since = info.data.get("since")
        if value is not None and since is not None and value < since:
            raise ValueError("the end of the period is before its beginning, which since tells")
        return value

    @field_validator("verbose")
    @classmethod
    def _check_volume(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("quiet"):
            raise ValueError("quiet and verbose exclude each other; give one of them")
        return value

    def ledger_path(self) -> Path:
        """Return where the ledger is."""
        return self.ledger or default_ledger_path()

    def api_address(self) -> str | None:
        """Return the base URL of the API, without a slash at its end.

        It is None when the local lead API is to be started, which then has an address of its own.
        """
        return self.base_url or ADDRESSES.get(self.env)

    def credentials(self) -> Credentials | None:
        """Return what requests are signed with.

        It is None for the environment ``local`` unless both were given: the local lead API has a pair of its
        own. Raises :class:`UsageError` when one is missing or cannot travel in a header.
        """
        secret = self.client_secret.get_secret_value() if self.client_secret else ""
        pair = {"client_key": (self.client_key or "").strip(), "client_secret": secret.strip()}
        missing = [option for option, value in pair.items() if not value]
        if missing and self.env == "local":
            return None
        if missing:
            raise UsageError(_missing_credentials(missing))
        for option, value in pair.items():
            if not _HEADER_VALUE.fullmatch(value):
                raise UsageError(
                    f"The {_spoken(option)} has a blank, a line break or a sign outside ASCII in it "
                    f"(it is not shown). Copy it again from the Tini console into {variable(option)}."
                )
        return Credentials(pair["client_key"], pair["client_secret"].encode())


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and what the person should be told about how they were found."""

    settings: Settings
    notices: tuple[str, ...]


def default_ledger_path() -> Path:
    """Return where the ledger is kept when nothing else is said: in the user's state directory."""
    return platformdirs.user_state_path("lead-importer", appauthor=False) / "ledger.sqlite3"


def load_settings(
    options: Mapping[str, object],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Loaded:
    """Return the settings that `options` of the command line, the environment and files make together.

    An option that is None or an empty list was not given, and neither was an empty variable. `environment` is
    that of the process and `folder`, where ``.env`` and a relative ``--config`` are looked for, the working
    directory, unless given. Raises :class:`UsageError` that names every fault and its place.
    """
    foreign = options.keys() & CREDENTIALS | options.keys() - Settings.model_fields.keys()
    if foreign:
        raise InternalError(f"The command line has no option {', '.join(sorted(foreign))}.")
    variables = os.environ if environment is None else environment
    folder = Path() if folder is None else folder
    env_file = folder / ".env"
    from_file, file_variables, notices = from_env_file(Settings, env_file)
    given = _merged(_from_options(options), from_environment(Settings, variables), from_file)
    config = _validated({option: found for option, found in given.items() if option == "config"}).config
    if config is not None:
        given = _merged(given, from_toml(Settings, folder / config, given["config"].place))
    return Loaded(
        _validated(given),
        (
            *notices,
            *misspelt(Settings, variables, "the environment"),
            *misspelt(Settings, file_variables, str(env_file)),
        ),
    )


def _from_options(options: Mapping[str, object]) -> dict[str, Given]:
    return {
        option: Given(value, f"option --{option.replace('_', '-')}")
        for option, value in options.items()
        if value is not None and value != [] and value != ()
    }


def _merged(*layers: Mapping[str, Given]) -> dict[str, Given]:
    given: dict[str, Given] = {}
    for layer in layers:
        hidden = given.keys() | (_VOLUME if given.keys() & _VOLUME else set())
        given.update({option: found for option, found in layer.items() if option not in hidden})
    return given


def _validated(given: Mapping[str, Given]) -> Settings:
    values: dict[str, Any] = {option: found.value for option, found in given.items()}
    if isinstance(values.get("client_secret"), str):
        # From here on others handle it, and pydantic-settings can be told to log what it is given.
        values["client_secret"] = SecretStr(values["client_secret"])
    try:
        return Settings(**values)
    except ValidationError as error:
        faults = [_fault(given, detail) for detail in error.errors(include_url=False, include_input=False)]
    raise UsageError("\n".join(dict.fromkeys(faults)))


def _fault(given: Mapping[str, Given], detail: ErrorDetails) -> str:
    option = str(detail["loc"][0])
    place = given[option].place
    reason = str(detail.get("ctx", {}).get("error", ""))
    if reason:
        return f"{place}: {reason}."
    shows = {"client_key": _hidden, "client_secret": _hidden, "base_url": _shown_address}
    value = shows.get(option, shown)(given[option].value)
    return f"{place}: {value} is not allowed; give {Settings.model_fields[option].description}."


def _hidden(value: object) -> str:
    return "the value (not shown)"


def _shown_address(address: object) -> str:
    # Before an @ stands a password.
    return "the address (not shown)" if "@" in str(address) else shown(address)


def _spoken(option: str) -> str:
    return option.replace("_", " ")


def _missing_credentials(missing: list[str]) -> str:
    names = " and the ".join(_spoken(option) for option in missing)
    variables = " and ".join(variable(option) for option in missing)
    return (
        f"The {names} {'are' if len(missing) > 1 else 'is'} missing; the Tini console shows a pair for each "
        f"environment. Give {variables} as an environment variable, or in a file .env in the working "
        f"directory; or give {' and '.join(missing)} in the TOML file of --config, readable by you alone "
        "(chmod 600). To try the importer without credentials: --env local"
    )
