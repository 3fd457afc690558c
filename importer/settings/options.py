"""The options themselves: their defaults, what each takes, and how it is checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from importer.errors import UsageError
from importer.language import _, marked
from importer.settings.pairs import fits_header, missing_credentials, spoken
from importer.settings.sources import (
    PREFIX,
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
    shown_address,
    split_entries,
)
from importer.signing import Credentials

ADDRESSES: Mapping[str, str] = {
    "sandbox": "https://api.tiki.vn/tiniapp-sandbox-open-api",
    "production": "https://api.tiki.vn/tiniapp-open-api",
}

OUTPUTS = ("results", "summary", "report", "metrics", "problems", "archive", "output")
"""The options that name what is written."""

# Each request under way holds a socket, and most systems let a process open 1,024 files.
CONCURRENCY_LIMIT = 1000

_FORM_ID = re.compile("[0-9]{1,30}")

_Number = BeforeValidator(check_number)
_Text = Annotated[str, BeforeValidator(check_text)]
_File = Annotated[Path, BeforeValidator(expand_path)]


def default_ledger_path() -> Path:
    """Return where the ledger is kept when nothing else is said: in the user's state directory."""
    return platformdirs.user_state_path("lead-importer", appauthor=False) / "ledger.sqlite3"


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

    config: Annotated[_File | None, Field(description=marked("the path of a TOML file"))] = None
    """The TOML file that the rest may come from, named or found; never from the TOML file itself."""

    profile: Annotated[_Text | None, Field(description=marked("the name of a profile"))] = None
    """The table ``[profiles.NAME]`` of that file whose values go before those at its top."""

    env: Annotated[
        Literal["local", "sandbox", "production"], Field(description=marked("local, sandbox or production"))
    ] = "sandbox"

    base_url: Annotated[
        str | None, Field(description=marked("an address such as https://example.org/path"))
    ] = None
    """Another address of the API, without a slash at its end."""

    template: Annotated[
        _Text | None, Field(description=marked("the name of a template or the path of a .toml file"))
    ] = None
    """Without it, the one that the headers fit."""

    map: Annotated[
        dict[_Text, _Text],
        BeforeValidator(parse_columns),
        Field(description=marked("FIELD=COLUMN, such as phone=Mobile")),
    ] = {}
    """The column of a field, where its header does not tell."""

    sheet: Annotated[
        tuple[_Text, ...], BeforeValidator(split_entries), Field(description=marked("the name of a sheet"))
    ] = ()
    """Without any, every visible sheet that has the columns."""

    results: Annotated[_File | None, Field(description=marked("the path of a file"))] = None
    """Without it, beside the input."""

    ledger: Annotated[_File | None, Field(description=marked("the path of a file"))] = None
    """Without it, :func:`default_ledger_path`."""

    adopt: Annotated[
        tuple[_File, ...],
        BeforeValidator(split_entries),
        Field(description=marked("the path of a results file")),
    ] = ()
    """Results of runs that the ledger does not know, to be taken over."""

    concurrency: Annotated[
        int,
        _Number,
        Field(ge=1, le=CONCURRENCY_LIMIT, description=marked("a whole number from 1 to 1000")),
    ] = 16
    """Requests under way at once, at most."""

    processes: Annotated[
        int | None, _Number, Field(ge=1, le=64, description=marked("a whole number from 1 to 64"))
    ] = None
    """Processes that send; without it, as many as fit the rows and the machine."""

    rate: Annotated[
        float | None, _Number, Field(gt=0, allow_inf_nan=False, description=marked("a number greater than 0"))
    ] = None
    """Requests a second, at most; without it, no limit."""

    attempts: Annotated[
        int, _Number, Field(ge=1, le=100, description=marked("a whole number from 1 to 100"))
    ] = 5
    """Tries for one row, at most."""

    timeout: Annotated[
        float,
        _Number,
        Field(
            gt=0,
            le=3600,
            allow_inf_nan=False,
            description=marked("seconds, a number greater than 0 and at most 3600"),
        ),
    ] = 60.0
    """Seconds to wait for an answer once a request was sent."""

    on_doubt: Annotated[Literal["hold", "resend"], Field(description=marked("hold or resend"))] = "hold"
    """Whether a request that may have been processed is sent again."""

    duplicates: Annotated[Literal["skip", "send"], Field(description=marked("skip or send"))] = "skip"
    """What happens to a lead that the ledger or the same file has already."""

    retry_rejected: Annotated[bool, Field(description=marked("true or false"))] = False
    """Whether a row that the API refused is sent again unchanged."""

    encoding: Annotated[_Text | None, Field(description=marked("the name of an encoding, such as utf-8"))] = (
        None
    )
    """Of text files; without it, it is found."""

    no_repair: Annotated[bool, Field(description=marked("true or false"))] = False
    """Whether values are sent as they stand, with a warning for what would have been repaired."""

    strict: Annotated[bool, Field(description=marked("true or false"))] = False
    """Whether a row with a warning is invalid."""

    limit: Annotated[int | None, _Number, Field(ge=1, description=marked("a whole number from 1"))] = None
    """Only the first so many rows that would be sent."""

    dry_run: Annotated[bool, Field(description=marked("true or false"))] = False
    """Stop before sending."""

    summary: Annotated[_File | None, Field(description=marked("the path of a file"))] = None
    """Where the totals go as JSON."""

    report: Annotated[_File | None, Field(description=marked("the path of a file that ends in .html"))] = None
    """Where the report of the run goes as a page."""

    archive: Annotated[_File | None, Field(description=marked("the path of a folder"))] = None
    """Where finished files go with their results; without it, they stay."""

    notify: Annotated[
        SecretStr | None, Field(description=marked("an address such as https://example.org/hook"))
    ] = None
    """Where the totals are posted when a run has ended. It is a secret: whoever has it can post there."""

    notify_on: Annotated[Literal["always", "trouble"], Field(description=marked("always or trouble"))] = (
        "always"
    )
    """Whether a run is told of that ended with exit code 0."""

    metrics: Annotated[_File | None, Field(description=marked("the path of a .prom file"))] = None
    """Where figures of the run go for Prometheus."""

    form: Annotated[
        tuple[_Text, ...],
        BeforeValidator(split_entries),
        Field(description=marked("the id of a form, in digits")),
    ] = ()
    """The forms whose responses are exported."""

    since: Annotated[
        int | None,
        BeforeValidator(parse_since),
        Field(description=marked("a date or a moment, such as 2026-11-24 or 2026-11-24T08:30+07:00")),
    ] = None
    """Seconds since the epoch, UTC: only responses from then on; so is `until`."""

    until: Annotated[
        int | None,
        BeforeValidator(parse_until),
        Field(description=marked("a date or a moment, such as 2026-11-24 or 2026-11-24T08:30+07:00")),
    ] = None

    output: Annotated[_File | None, Field(description=marked("the path of a file"))] = None
    """Where an export goes."""

    problems: Annotated[_File | None, Field(description=marked("the path of a file"))] = None
    """Where a check lists everything that it finds about single rows."""

    log_format: Annotated[Literal["text", "json"] | None, Field(description=marked("text or json"))] = None
    """Without it, text on a terminal and JSON otherwise."""

    lang: Annotated[Literal["en", "vi"] | None, Field(description=marked("en or vi"))] = None
    """The language of messages; without it, that of the locale."""

    quiet: Annotated[bool, Field(description=marked("true or false"))] = False
    verbose: Annotated[bool, Field(description=marked("true or false"))] = False

    proxy_from_environment: Annotated[bool, Field(description=marked("true or false"))] = False
    """Whether HTTPS_PROXY and its like are heeded."""

    client_key: Annotated[str | None, Field(description=marked("the client key as text"))] = None
    client_secret: Annotated[SecretStr | None, Field(description=marked("the client secret as text"))] = None

    # Why nothing may be signed with what was given; a check, or a rehearsal, needs no signature.
    _pair_fault: str = PrivateAttr("")

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
            raise ValueError(f"{shown_address(value)} {fault}")
        address = value.rstrip("/")
        for environment, known in ADDRESSES.items():
            chosen = info.data.get("env", environment)
            if same_address(address, known) and chosen != environment:
                raise ValueError(
                    _(
                        "{value} is the address of {environment}, but the environment is {chosen}; give "
                        "--env {environment}, which needs no --base-url"
                    ).format(value=shown(value), environment=environment, chosen=chosen)
                )
        return address

    @field_validator("notify")
    @classmethod
    def _check_notify(cls, value: SecretStr | None) -> SecretStr | None:
        if value and (fault := address_fault(value.get_secret_value(), with_query=True)):
            raise ValueError(f"{_('the address (not shown)')} {fault}")
        return value

    @field_validator("metrics")
    @classmethod
    def _check_metrics(cls, value: Path | None) -> Path | None:
        if value is not None and value.suffix != ".prom":
            raise ValueError(
                _(
                    "{path} does not end in .prom, and the node exporter reads no other files; let its name "
                    "end so"
                ).format(path=shown(value))
            )
        return value

    @field_validator("form")
    @classmethod
    def _check_form(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if other := next((form for form in value if not _FORM_ID.fullmatch(form)), None):
            raise ValueError(
                _("{value} is not allowed; give the id of a form, in digits").format(value=shown(other))
            )
        return tuple(dict.fromkeys(value))

    @field_validator("until")
    @classmethod
    def _check_period(cls, value: int | None, info: ValidationInfo) -> int | None:
        since = info.data.get("since")
        if value is not None and since is not None and value < since:
            raise ValueError(_("the end of the period is before its beginning, which since tells"))
        return value

    @field_validator("verbose")
    @classmethod
    def _check_volume(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("quiet"):
            raise ValueError(_("quiet and verbose exclude each other; give one of them"))
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

        It is None for the environment ``local`` unless a whole pair was given: the local lead API has one of
        its own. Raises :class:`UsageError` when one is missing or cannot travel in a header, or when the pair
        may not be that of the profile and the environment.
        """
        secret = self.client_secret.get_secret_value() if self.client_secret else ""
        pair = {"client_key": (self.client_key or "").strip(), "client_secret": secret.strip()}
        missing = [option for option, value in pair.items() if not value]
        if self.env == "local" and (missing or self._pair_fault):
            return None
        if self._pair_fault:
            raise UsageError(self._pair_fault)
        if missing:
            raise UsageError(missing_credentials(missing))
        for option, value in pair.items():
            if not fits_header(value):
                raise UsageError(
                    _(
                        "The {name} has a blank, a line break or a sign outside ASCII in it (it is not "
                        "shown). Copy it again from the Tini console into {variable}."
                    ).format(name=spoken([option]), variable=variable(option))
                )
        return Credentials(pair["client_key"], pair["client_secret"].encode())
