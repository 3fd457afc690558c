"""Which client key and client secret sign the requests: a whole pair, for this profile and environment.

The API gives each app a pair of its own in each environment. Half of one and half of another sign wrongly,
which the API refuses; but a whole pair of another app signs rightly, and the leads are created there. So:

- Both halves come from one source, the highest that has either.
- A pair is for the profile and the environment that stand beside it. One beside another
  ``LEAD_IMPORTER_PROFILE`` than the chosen one is left alone.
- Where a profile has a pair of its own, no other may stand above it.
- A ``.env`` lies there for whatever is started, so with a profile its pair counts only if it names the
  profile; the environment is set for one process, and needs not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from importer.language import _, all_of, ngettext
from importer.settings.sources import CREDENTIALS, Given, Kind, Source, variable

_HEADER_VALUE = re.compile(r"[!-~]+")

# In the place of a credential that is still to be filled in; no client key has such brackets.
_PLACEHOLDER = re.compile(r"<.*>")


@dataclass(frozen=True, slots=True)
class Pair:
    """What of the credentials was given, by option, and why nothing may be signed with it."""

    given: Mapping[str, Given]
    fault: str = ""


def choose_pair(sources: Sequence[Source], *, profile: str | None, environment: str) -> Pair:
    """Return the pair that the highest of `sources`, highest first, gives for `profile` and `environment`.

    A pair that is not there at all is no fault here: what needs one says so.
    """
    meant = [source for source in sources if _profile_beside(source) in (None, profile)]
    giving = [source for source in meant if _halves(source)]
    if not giving:
        left_alone = next((source for source in sources if _halves(source)), None)
        return Pair({}, _of_another_profile(left_alone) if left_alone else "")
    source, *lower = giving
    fault = (
        _fault_of_halves(source, lower)
        or _fault_of_profile(source, lower, profile)
        or _fault_of_environment(source, sources, environment)
    )
    return Pair(_halves(source), fault)


def is_filled_in(value: object) -> bool:
    """Tell whether `value` is more than blanks or the placeholder of a first file."""
    return not isinstance(value, str) or bool(value.strip() and not _PLACEHOLDER.fullmatch(value.strip()))


def fits_header(text: str) -> bool:
    """Tell whether `text`, which is not empty, can travel in a header as it stands."""
    return bool(_HEADER_VALUE.fullmatch(text))


def missing_credentials(missing: Sequence[str]) -> str:
    """Return how to give the credentials that are `missing`, by option."""
    lacking = ngettext(
        "The {names} is missing; the Tini console shows a pair for each environment.",
        "The {names} are missing; the Tini console shows a pair for each environment.",
        len(missing),
    ).format(names=spoken(missing))
    step = _(
        "Give {variables} as an environment variable, or in a file .env in the working directory; or give "
        "{options} in the TOML file of --config, readable by you alone (chmod 600), of which lead-importer "
        "init writes a first one. To try the importer without credentials: --env local"
    ).format(variables=all_of(map(variable, missing)), options=all_of(missing))
    return f"{lacking} {step}"


def spoken(options: Sequence[str]) -> str:
    """Return credentials as a sentence names them."""
    names = (option.replace("_", " ") for option in options)
    return reduce(lambda one, other: _("{one} and the {other}").format(one=one, other=other), names)


def _halves(source: Source) -> dict[str, Given]:
    return {option: source.given[option] for option in sorted(CREDENTIALS & source.given.keys())}


def _values(source: Source) -> dict[str, str]:
    return {option: str(found.value).strip() for option, found in _halves(source).items()}


def _profile_beside(source: Source) -> str | None:
    """Return the profile that stands beside a pair; at the top of a file it is a default and says nothing."""
    found = source.given.get("profile") if source.kind in (Kind.ENVIRONMENT, Kind.ENV_FILE) else None
    return str(found.value) if found else None


def _environment_beside(source: Source, sources: Sequence[Source]) -> str | None:
    """Return the environment that stands beside a pair; a profile's may stand at the top of its file."""
    places = [source]
    if source.kind is Kind.PROFILE:
        places.extend(other for other in sources if other.kind is Kind.FILE)
    return next((str(place.given["env"].value) for place in places if "env" in place.given), None)


def _of_another_profile(source: Source) -> str:
    return _(
        "The credentials in {place} are for the profile {profile} that stands beside them, and are left "
        "alone. Give those of the chosen profile in its table of the settings file."
    ).format(place=source.name, profile=_profile_beside(source))


def _fault_of_halves(source: Source, lower: Sequence[Source]) -> str:
    halves = _halves(source)
    empty = [option for option, found in halves.items() if not is_filled_in(found.value)]
    if empty:
        lacking = ngettext(
            "The {names} in {place} is not filled in.",
            "The {names} in {place} are not filled in.",
            len(empty),
        ).format(names=spoken(empty), place=source.name)
        step = _(
            "The Tini console shows a pair for each environment: put it there. To try the importer without "
            "credentials: --env local"
        )
        return f"{lacking} {step}"
    absent = sorted(CREDENTIALS - halves.keys())
    elsewhere = next((other for other in lower if set(absent) & other.given.keys()), None)
    if elsewhere is None:
        return ""
    return _(
        "The {name} is given by {place}, and the {other} only by {elsewhere}. They may belong to different "
        "apps or environments, so nothing is signed with them. Give both in one place."
    ).format(name=spoken(list(halves)), place=source.name, other=spoken(absent), elsewhere=elsewhere.name)


def _fault_of_profile(source: Source, lower: Sequence[Source], profile: str | None) -> str:
    own = next((other for other in lower if other.kind is Kind.PROFILE), None)
    if own and any(map(is_filled_in, _values(own).values())):
        if _values(source) == _values(own):
            return ""
        return _(
            "The pair in {place} is not that of {own}, and it is not clear which is meant. Remove one of "
            "them, or say beside the first which profile it is for: {variable}=NAME"
        ).format(place=source.name, own=own.name, variable=variable("profile"))
    if source.kind is Kind.ENV_FILE and profile is not None and _profile_beside(source) is None:
        return _(
            "{place} does not say which profile its pair is for, and {profile} is chosen. If it is for that, "
            "write {variable}={profile} beside it; else give the pair of {profile} in its table of the "
            "settings file."
        ).format(place=source.name, profile=profile, variable=variable("profile"))
    return ""


def _fault_of_environment(source: Source, sources: Sequence[Source], environment: str) -> str:
    beside = _environment_beside(source, sources)
    if environment == "local" or beside in (None, "local", environment):
        return ""
    return _(
        "The pair in {place} stands beside env = {beside}, but the environment is {environment}, which has a "
        "pair of its own. Choose the profile of {environment} with --profile, or give its pair."
    ).format(place=source.name, beside=beside, environment=environment)
