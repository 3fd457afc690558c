"""When two rows are the same lead. Pure.

Account, environment, ``customer_id`` and inputs decide; the file's name and the order of rows, columns and
keys do not. The ledger keeps only the hash, so that it holds no names, phones or addresses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

KEY_BYTES = 16


def account_id(client_key: str) -> str:
    """Return a name for the account of `client_key` that does not tell the key."""
    return hashlib.blake2b(client_key.encode(), digest_size=KEY_BYTES, person=b"account").hexdigest()


def lead_key(account: str, environment: str, customer_id: str, inputs: Mapping[str, object]) -> bytes:
    """Return the 16 bytes that stand for a lead; equal leads, and only those, have equal ones.

    128 bits keep the chance that any two of ten million leads collide below 1e-24.
    """
    canonical = json.dumps(
        [account, environment, customer_id, inputs], ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return hashlib.blake2b(canonical.encode(), digest_size=KEY_BYTES).digest()
