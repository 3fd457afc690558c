"""The form responses that the local lead API lists: read from a file, or invented."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from importer.applications import FormResponse
from importer.errors import UsageError

INVENTED_FORM = "1"

_FIRST_ID = 10**17
_FIRST_MOMENT = 1_700_000_000
_CITIES = ("Hà Nội", "Đà Nẵng", "Cần Thơ", "Huế")


def given_responses(said: str) -> list[FormResponse]:
    """Return the responses that a person means: those of a file, or so many invented ones.

    Raises :class:`UsageError` for a file that holds something else.
    """
    return invented_responses(int(said)) if said.isdecimal() else read_responses(Path(said))


def invented_responses(count: int, *, form_id: str = INVENTED_FORM) -> list[FormResponse]:
    """Return so many responses of people who do not exist, oldest first, always the same, a minute apart."""
    return [
        FormResponse(
            id=str(_FIRST_ID + number),
            form_id=form_id,
            created_at=datetime.fromtimestamp(_FIRST_MOMENT + 60 * number, UTC).isoformat()[:19] + "Z",
            inputs=_invented_inputs(number),
        )
        for number in range(count)
    ]


def _invented_inputs(number: int) -> Mapping[str, object]:
    inputs: dict[str, object] = {
        "name": f"Nguyễn Văn {number}",
        "phone": f"09{number:08}",
        "address": {"city": _CITIES[number % len(_CITIES)], "street": f"{number} Lê Lợi"},
    }
    if number % 3 == 0:
        inputs["products"] = ["Vay tiêu dùng", "Thẻ"][: number % 2 + 1]
    return inputs


def read_responses(path: Path) -> list[FormResponse]:
    """Return the responses in a file of JSON lines, each with `id`, `form_id`, `created_at` and `inputs`.

    Raises :class:`UsageError` if it cannot be read, or holds something else.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"The responses in {path} cannot be read ({reason}). Check its path.") from error
    return [_response(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _response(path: Path, number: int, line: str) -> FormResponse:
    try:
        found: Any = json.loads(line)
        response = FormResponse(
            id=found["id"],
            form_id=found["form_id"],
            created_at=found["created_at"],
            inputs=dict(found["inputs"]),
        )
        int(response.id)
        datetime.fromisoformat(response.created_at)
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{path}: line {number} is no response. Each line is a JSON object such as "
            '{"id": "12", "form_id": "1", "created_at": "2021-12-16T17:43:51Z", "inputs": {"name": "…"}}'
        ) from error
    return response
