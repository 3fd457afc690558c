"""When two rows are the same lead. Pure.

Account, environment, ``customer_id`` and inputs decide; the file's name and the order of rows, columns and
keys do not. The ledger keeps only the hash, so that it holds no names, phones or addresses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from importer.inputs import serialised, serialised_by_key

KEY_BYTES = 16


def account_id(client_key: str) -> str:
    """Return a name for the account of `client_key` that does not tell the key."""
    return hashlib.blake2b(client_key.encode(), digest_size=KEY_BYTES, person=b"account").hexdigest()


def lead_key(account: str, environment: str, customer_id: str, inputs: Mapping[str, object]) -> bytes:
    """Return the 16 bytes that stand for a lead; equal leads, and only those, have equal ones.

    Inputs are equal by type and value: ``1`` and ``1.0`` are one number, ``"1"`` and ``true`` are others. The
    ledgers of all users hold these keys, so what is hashed of a lead can never change.

    128 bits keep the chance that any two of ten million leads collide below 1e-24.
    """
    (key,) = lead_keys(account, environment, [(customer_id, inputs)])
    return key


def lead_keys(
    account: str, environment: str, leads: Sequence[tuple[str, Mapping[str, object]]]
) -> list[bytes]:
    """Return what :func:`lead_key` does of each lead, given as its customer id and its inputs."""
    # What is hashed is a list in JSON, of account, environment, customer id and inputs.
    beginning = serialised([account, environment]).removesuffix("]")
    begun = hashlib.blake2b(beginning.encode(), digest_size=KEY_BYTES)
    keys = []
    texts = serialised_by_key([inputs for _, inputs in leads])
    for (customer_id, _), text in zip(leads, texts, strict=True):
        hashed = begun.copy()
        hashed.update(f",{serialised(customer_id)},{text}]".encode())
        keys.append(hashed.digest())
    return keys
