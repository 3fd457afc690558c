"""What every script would have of its own: the leads of a sheet, the signed request, the answer."""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from importer.signing import Credentials, signed_headers

KEY, SECRET = "LEAD_IMPORTER_CLIENT_KEY", "LEAD_IMPORTER_CLIENT_SECRET"


def arguments() -> argparse.Namespace:
    """Return the script's arguments: `sheet`, `url` to post to, `concurrency`, `uvloop`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sheet", type=Path)
    parser.add_argument("base_url")
    parser.add_argument("concurrency", type=int)
    parser.add_argument("--uvloop", action="store_true")
    given = parser.parse_args()
    given.url = f"{given.base_url}/lead/applications"
    return given


def credentials() -> Credentials:
    """Return the credentials of the environment."""
    return Credentials(os.environ[KEY], os.environ[SECRET].encode())


def leads(sheet: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV."""
    with sheet.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def request_of(lead: dict[str, str], signer: Credentials) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of the request for a lead."""
    customer_id = lead.pop("customer_id")
    inputs = json.dumps(lead, ensure_ascii=False, separators=(",", ":"))
    body = json.dumps(
        {"customer_id": customer_id, "inputs": inputs}, ensure_ascii=False, separators=(",", ":")
    ).encode()
    return body, signed_headers(signer, body, int(time.time() * 1000))


def is_application(status: int, content: bytes) -> bool:
    """Tell whether an answer holds an application."""
    return status == 200 and bool(json.loads(content)["data"]["id"])


def report(created: int, seconds: float) -> None:
    """Print how it went."""
    print(json.dumps({"created": created, "seconds": seconds}), flush=True)  # noqa: T201 - the bench reads it
