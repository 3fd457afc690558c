"""Faults that the local lead API stages on demand: what is done wrong, to which requests. Pure.

A fault is written as ``KIND`` or ``KIND:KEY=VALUE,KEY=VALUE…``::

    429:retry-after=1,rate=0.05              one request in twenty, at random but reproducibly
    500:format=html,created=yes,first=2      two applications created, and a page of HTML for each
    drop-after:customer=1001|1002,each=1     once for each of two customers
    delay:seconds=30,every=10                every tenth answer half a minute late
    503:on=update,first=3                    the first three requests that set a status

A rule is about every operation (``create``, ``update``, ``list``) unless ``on`` names one; where a status
is set or responses are listed, that is done or left where an application would be created or not.

A request gets the first rule that fires. Each rule counts the requests that it is about (those of its
customers) whether or not an earlier rule took them, and draws its own random numbers: a rule behaves the same
whatever the others do.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NoReturn, cast, get_args

from importer.errors import UsageError

Format = Literal["api", "html", "empty"]
Operation = Literal["create", "update", "list"]

LONGEST_SECONDS = 86_400.0
HIGHEST_COUNT = 10**9
BODILESS_STATUSES = (204, 304)
"""Answers that HTTP allows no body (RFC 9110, 15.3.5 and 15.4.5)."""


class FaultKind(StrEnum):
    """What is done wrong."""

    STATUS = "status"
    """Answer with a status code; written as the code itself, such as ``503``."""

    DELAY = "delay"
    """Wait, then process the request as usual, even when the client has gone meanwhile."""

    DROP_BEFORE = "drop-before"
    """Reset the connection; nothing is created."""

    DROP_AFTER = "drop-after"
    """Create the application, then close the connection without an answer."""

    GARBAGE = "garbage"
    """Create the application, then write to the connection what is not HTTP."""

    BAD_JSON = "bad-json"
    """Create the application, then answer 200 with JSON that breaks off."""

    NO_ID = "no-id"
    """Create the application, then answer 200 with an application that lacks its id."""

    OTHER_CUSTOMER = "other-customer"
    """Create the application, then answer 200 with the customer id of somebody else."""

    REDIRECT = "redirect"
    """Answer 307 to another address; nothing is created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """One fault, and the requests that get it."""

    kind: FaultKind
    status: int = 0
    """The status code of the kind ``STATUS``, 200 to 599; 0 for the others."""

    format: Format = "api"
    """How the body of a ``STATUS`` looks: the API's error format, a page of HTML, or nothing."""

    reason: str = ""
    """The ``reason`` in the API's error format."""

    retry_after: float | None = None
    """Seconds, for the header Retry-After of a ``STATUS``."""

    created: bool = False
    """Whether a ``STATUS`` creates the application all the same."""

    delay: float = 0.0
    """Seconds to wait before the request is processed."""

    rate: float = 1.0
    """The probability that a request gets the fault, above 0 and up to 1."""

    first: int | None = None
    """Only the first so many requests."""

    every: int | None = None
    """Only the requests whose number is a multiple of this."""

    customers: frozenset[str] = frozenset()
    """Only requests for these customer ids; all, when empty."""

    times: int | None = None
    """At most so many requests in all."""

    each: int | None = None
    """At most so many requests for each customer id."""

    on: Operation | None = None
    """Only requests of this operation."""

    @property
    def name(self) -> str:
        """The kind as a fault spec spells it, such as ``429`` or ``drop-after``."""
        return str(self.status) if self.kind is FaultKind.STATUS else self.kind.value

    @property
    def creates(self) -> bool:
        """Whether the application is created, whatever the client is told."""
        if self.kind is FaultKind.STATUS:
            return self.created
        return self.kind not in (FaultKind.DROP_BEFORE, FaultKind.REDIRECT)

    def is_about(self, operation: Operation) -> bool:
        """Tell whether requests of this operation may get the fault."""
        if self.kind in (FaultKind.NO_ID, FaultKind.OTHER_CUSTOMER) and operation != "create":
            return False
        return self.on in (None, operation)


class FaultPlan:
    """Rules in order of precedence, and the counts that their limits need.

    The same rules, seed and order of requests always give the same faults.
    """

    def __init__(self, rules: Sequence[FaultRule], *, seed: int = 0) -> None:
        self.rules = tuple(rules)
        self._counts = tuple(_Counts(rule, f"{seed}/{position}") for position, rule in enumerate(self.rules))

    def choose(self, customer_id: str, operation: Operation = "create") -> FaultRule | None:
        """Return the fault of the next request, which is for `customer_id`, or None if it gets none.

        A request that is for nobody has an empty `customer_id`.
        """
        willing = [counts for counts in self._counts if counts.sees(customer_id, operation)]
        if not willing:
            return None
        willing[0].fires(customer_id)
        return willing[0].rule


class _Counts:
    def __init__(self, rule: FaultRule, seed: str) -> None:
        self.rule = rule
        self._random = random.Random(seed)  # noqa: S311 - reproducible on purpose, and no secret
        self._seen = 0
        self._fired = 0
        self._fired_for: Counter[str] = Counter()

    def sees(self, customer_id: str, operation: Operation) -> bool:
        rule = self.rule
        if not rule.is_about(operation):
            return False
        if rule.customers and customer_id not in rule.customers:
            return False
        self._seen += 1
        # Drawn whatever the other limits say, so that they do not shift the sequence.
        drawn = self._random.random() < rule.rate
        return (
            drawn
            and (rule.first is None or self._seen <= rule.first)
            and (rule.every is None or self._seen % rule.every == 0)
            and (rule.times is None or self._fired < rule.times)
            and (rule.each is None or self._fired_for[customer_id] < rule.each)
        )

    def fires(self, customer_id: str) -> None:
        self._fired += 1
        if self.rule.each is not None:
            self._fired_for[customer_id] += 1


_LIMITS = ("rate", "first", "every", "customer", "times", "each", "on")
_STATUS_KEYS = ("format", "reason", "retry-after", "created", "delay", *_LIMITS)
_DELAY_KEYS = ("seconds", *_LIMITS)
_OTHER_KEYS = ("delay", *_LIMITS)
_FORMATS = ("api", "html", "empty")
_OPERATIONS = get_args(Operation)
_KINDS = tuple(kind.value for kind in FaultKind if kind is not FaultKind.STATUS)
_EXAMPLE = "429:retry-after=1,rate=0.05"


def parse_fault(spec: str) -> FaultRule:
    """Read a rule from its `spec`; the module's docstring shows the form.

    Raises :class:`UsageError` that says what is wrong and lists what is possible: a kind or key that is not
    known, a key twice (only ``customer`` may be repeated), a number out of its range.
    """
    return _SpecReader(spec).read()


class _SpecReader:
    def __init__(self, spec: str) -> None:
        self._spec = spec
        self._values: dict[str, str] = {}

    def read(self) -> FaultRule:
        head, colon, tail = self._spec.partition(":")
        kind, status = self._kind(head.strip())
        keys = {FaultKind.STATUS: _STATUS_KEYS, FaultKind.DELAY: _DELAY_KEYS}.get(kind, _OTHER_KEYS)
        customers = self._settings(tail, keys) if colon else frozenset[str]()
        if kind is FaultKind.DELAY and "seconds" not in self._values:
            self._refuse("a delay needs its length", "Such as delay:seconds=2.")
        return FaultRule(
            kind=kind,
            status=status,
            format=self._format(status),
            reason=self._reason(status),
            retry_after=self._seconds("retry-after"),
            created=self._choice("created", ("yes", "no"), "no") == "yes",
            delay=self._seconds("seconds") or self._seconds("delay") or 0.0,
            rate=self._rate(),
            first=self._count("first"),
            every=self._count("every"),
            customers=customers,
            times=self._count("times"),
            each=self._count("each"),
            on=self._operation(),
        )

    def _kind(self, text: str) -> tuple[FaultKind, int]:
        if text in _KINDS:
            return FaultKind(text), 0
        if len(text) == 3 and text.isdecimal() and text.isascii() and 200 <= int(text) <= 599:
            return FaultKind.STATUS, int(text)
        return self._refuse(
            f"there is no kind {text!r}",
            f"Give a status code from 200 to 599, or one of {', '.join(_KINDS)}.",
        )

    def _settings(self, text: str, keys: Sequence[str]) -> frozenset[str]:
        customers: set[str] = set()
        for part in text.split(","):
            key, equals, value = (piece.strip() for piece in part.partition("="))
            if key not in keys:
                self._refuse(f"{key!r} does not belong to it", f"It takes {', '.join(keys)}.")
            if not equals or not value:
                self._refuse(f"{key} has no value", f"Write {key}=VALUE.")
            if key == "customer":
                customers |= self._customers(value)
            elif key in self._values:
                self._refuse(f"{key} is given twice", "Give it once; only customer may be repeated.")
            else:
                self._values[key] = value
        return frozenset(customers)

    def _customers(self, value: str) -> set[str]:
        customers = {customer.strip() for customer in value.split("|")}
        if "" in customers:
            self._refuse("a customer id is empty", "Write customer=1001 or customer=1001|1002.")
        return customers

    def _format(self, status: int) -> Format:
        bodiless = status in BODILESS_STATUSES
        chosen = self._choice("format", _FORMATS, "empty" if bodiless else "api")
        if bodiless and chosen != "empty":
            self._refuse(f"an answer {status} has no body", "Leave format out.")
        return cast(Format, chosen)

    def _reason(self, status: int) -> str:
        if "reason" in self._values and self._format(status) != "api":
            self._refuse("a reason stands only in the API's own error format", "Leave it out, or format.")
        return self._values.get("reason", "")

    def _operation(self) -> Operation | None:
        return cast(Operation, self._choice("on", _OPERATIONS, "")) if "on" in self._values else None

    def _choice(self, key: str, choices: Sequence[str], default: str) -> str:
        value = self._values.get(key, default)
        if value not in choices:
            self._refuse(f"{key}={value} is not known", f"Give {key} one of {', '.join(choices)}.")
        return value

    def _seconds(self, key: str) -> float | None:
        if key not in self._values:
            return None
        value = self._number(key)
        # Written so that NaN is refused too.
        if not 0 <= value <= LONGEST_SECONDS:
            self._refuse(
                f"{key}={self._values[key]} is out of range",
                f"Give seconds, from 0 to {LONGEST_SECONDS:.0f}.",
            )
        return value

    def _rate(self) -> float:
        if "rate" not in self._values:
            return 1.0
        value = self._number("rate")
        if not 0 < value <= 1:
            self._refuse(f"rate={self._values['rate']} is out of range", "Give more than 0 and up to 1.")
        return value

    def _count(self, key: str) -> int | None:
        if key not in self._values:
            return None
        value = self._number(key)
        if not 1 <= value <= HIGHEST_COUNT or value != int(value):
            self._refuse(
                f"{key}={self._values[key]} is out of range",
                f"Give a whole number from 1 to {HIGHEST_COUNT}.",
            )
        return int(value)

    def _number(self, key: str) -> float:
        try:
            return float(self._values[key])
        except ValueError:
            return self._refuse(f"{key}={self._values[key]} is no number", f"Write digits, such as {key}=1.")

    def _refuse(self, wrong: str, advice: str) -> NoReturn:
        raise UsageError(f"The fault {self._spec!r}: {wrong}. {advice} An example of a fault is {_EXAMPLE}")
