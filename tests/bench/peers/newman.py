"""newman, the runner of Postman collections: a collection whose script signs each request. Writes its files.

newman takes digits without quotes for numbers (its ``csvAutoParse``): an id of 18 digits would lose some and
a phone its zero, so it is given a sheet with every value in quotes.
"""

from __future__ import annotations

import json
from pathlib import Path

# The rule is that of importer.signing, in what the sandbox of Postman has: CryptoJS.
_SIGN = """
const row = pm.iterationData.toObject();
const inputs = JSON.stringify({name: row.name, phone: row.phone, address: row.address});
const body = JSON.stringify({customer_id: row.customer_id, inputs: inputs});
const timestamp = String(Date.now());
const payload = timestamp + '.' + pm.environment.get('client_key') + '.' + body;
const encoded = CryptoJS.enc.Base64.stringify(CryptoJS.enc.Utf8.parse(payload))
    .replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=+$/, '');
pm.variables.set('body', body);
pm.variables.set('timestamp', timestamp);
pm.variables.set('signature',
    CryptoJS.HmacSHA256(encoded, pm.environment.get('client_secret')).toString(CryptoJS.enc.Hex));
"""
_CHECK = "pm.test('created', () => pm.expect(pm.response.json().data.id).to.be.a('string'));"


def command(
    newman: Path, folder: Path, sheet: Path, base_url: str, client_key: str, client_secret: str
) -> list[str | Path]:
    """Write collection and environment into `folder`, and return the command that sends `sheet`."""
    headers = {
        "Content-Type": "application/json",
        "X-Tiniapp-Client-Id": "{{client_key}}",
        "X-Tiniapp-Timestamp": "{{timestamp}}",
        "X-Tiniapp-Signature": "{{signature}}",
    }
    request = {
        "method": "POST",
        "url": "{{base_url}}/lead/applications",
        "header": [{"key": key, "value": value} for key, value in headers.items()],
        "body": {"mode": "raw", "raw": "{{body}}"},
    }
    events = [
        {"listen": listen, "script": {"type": "text/javascript", "exec": script.strip().splitlines()}}
        for listen, script in (("prerequest", _SIGN), ("test", _CHECK))
    ]
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    collection = {
        "info": {"name": "leads", "schema": schema},
        "item": [{"name": "create an application", "request": request, "event": events}],
    }
    variables = {"base_url": base_url, "client_key": client_key, "client_secret": client_secret}
    values = {"name": "bench", "values": [{"key": key, "value": value} for key, value in variables.items()]}
    (folder / "collection.json").write_text(json.dumps(collection), encoding="utf-8")
    (folder / "environment.json").write_text(json.dumps(values), encoding="utf-8")
    options: list[str | Path] = ["--environment", "environment.json", "--iteration-data", sheet, "--silent"]
    return [newman, "run", "collection.json", *options]
