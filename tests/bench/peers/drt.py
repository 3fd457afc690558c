"""drt, reverse ETL from the command line: the nearest tool in Python. Writes its project.

It reads the sheet through DuckDB and posts a body from a template, one request at a time. Its headers are
fixed and its templates have no hash, so it cannot sign: it is measured without signatures.
"""

from __future__ import annotations

from pathlib import Path

_PROJECT = """
name: leads
profile: leads
"""
_PROFILES = """
leads:
  type: duckdb
  database: ":memory:"
"""
_SYNC = """
name: leads
model: |
  SELECT customer_id, name, phone, address FROM read_csv('{sheet}', all_varchar = true)
destination:
  type: rest_api
  url: "{base_url}/lead/applications"
  method: POST
  headers:
    Content-Type: application/json
    X-Tiniapp-Client-Id: "{client_key}"
  body_template: >-
    {{"customer_id":{{{{ row.customer_id | tojson_safe }}}},"inputs":{{{{
    dict(name=row.name, phone=row.phone, address=row.address) | tojson_safe | tojson_safe }}}}}}
  rate_limit:
    requests_per_second: 0
sync:
  mode: full
  batch_size: 1000
  on_error: fail
"""


def command(drt: Path, folder: Path, sheet: Path, base_url: str, client_key: str) -> list[str | Path]:
    """Write a project into `folder`, which is also to be the home folder, and return the command."""
    sync = _SYNC.format(sheet=sheet, base_url=base_url, client_key=client_key)
    for path, text in (
        ("drt_project.yml", _PROJECT),
        (".drt/profiles.yml", _PROFILES),
        ("syncs/leads.yml", sync),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text.lstrip(), encoding="utf-8")
    return [drt, "run"]
