"""Signatures of the lead API: made, and checked, over the exact bytes that travel.

The rule (``platform-api/calculate-signature`` of the Tini App documentation)::

    payload   = timestamp + "." + client_key + "." + content
    encoded   = base64url(payload) without padding
    signature = lowercase hex of HMAC-SHA256(key=client_secret, message=encoded)

The documentation's pseudocode hashes ``payload``, its samples and their outputs hash ``encoded``; the
samples are right. Pure: the clock's value is passed in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

CLIENT_ID_HEADER = "X-Tiniapp-Client-Id"
TIMESTAMP_HEADER = "X-Tiniapp-Timestamp"
SIGNATURE_HEADER = "X-Tiniapp-Signature"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client key and its secret; the secret stays out of every representation."""

    client_key: str
    client_secret: bytes

    def __repr__(self) -> str:
        return f"Credentials(client_key={self.client_key!r}, client_secret=…)"


def sign(credentials: Credentials, content: bytes, timestamp_ms: int) -> str:
    """Return the signature of `content` at `timestamp_ms`, milliseconds since the epoch, UTC.

    `content` is the request body, byte for byte as sent (POST, PUT), or the path below the base URL with
    its encoded query (GET).
    """
    payload = b"%d.%b.%b" % (timestamp_ms, credentials.client_key.encode(), content)
    encoded = base64.urlsafe_b64encode(payload).rstrip(b"=")
    return hmac.new(credentials.client_secret, encoded, hashlib.sha256).hexdigest()


def verify(credentials: Credentials, content: bytes, timestamp_ms: int, signature: str) -> bool:
    """Tell whether `signature` is that of `content` at `timestamp_ms`, in constant time."""
    return hmac.compare_digest(sign(credentials, content, timestamp_ms).encode(), signature.encode())


def signed_headers(credentials: Credentials, content: bytes, timestamp_ms: int) -> dict[str, str]:
    """Return the headers that every request carries, for `content` signed at `timestamp_ms`."""
    return {
        CLIENT_ID_HEADER: credentials.client_key,
        TIMESTAMP_HEADER: str(timestamp_ms),
        SIGNATURE_HEADER: sign(credentials, content, timestamp_ms),
        "Content-Type": "application/json",
    }
