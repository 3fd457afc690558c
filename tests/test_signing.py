import hashlib
import hmac
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.signing import Credentials, sign, signed_headers, verify
from tests.vectors import CLIENT_KEY, CLIENT_SECRET, VECTORS

SAMPLE = Credentials(CLIENT_KEY, CLIENT_SECRET.encode())


@pytest.mark.parametrize(("timestamp_ms", "content", "signature"), VECTORS)
def test_a_signature_is_the_published_one(timestamp_ms: int, content: str, signature: str) -> None:
    assert sign(SAMPLE, content.encode(), timestamp_ms) == signature


@pytest.mark.parametrize(("timestamp_ms", "content", "signature"), VECTORS)
def test_the_published_signature_is_accepted(timestamp_ms: int, content: str, signature: str) -> None:
    assert verify(SAMPLE, content.encode(), timestamp_ms, signature)


@given(content=st.binary(max_size=400), timestamp_ms=st.integers(0, 10**14))
def test_any_bytes_are_signed_as_the_documentation_words_it(content: bytes, timestamp_ms: int) -> None:
    payload = str(timestamp_ms).encode() + b"." + CLIENT_KEY.encode() + b"." + content
    encoded = urlsafe_b64encode(payload).decode().replace("=", "")
    expected = hmac.new(CLIENT_SECRET.encode(), encoded.encode(), hashlib.sha256).hexdigest()
    assert sign(SAMPLE, content, timestamp_ms) == expected


@given(content=st.binary(min_size=1, max_size=200), flip=st.integers(0, 7), data=st.data())
def test_one_flipped_bit_is_noticed(content: bytes, flip: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(content) - 1))
    other = bytearray(content)
    other[place] ^= 1 << flip
    assert not verify(SAMPLE, bytes(other), 1, sign(SAMPLE, content, 1))


@pytest.mark.parametrize("forged", ["", "é", "0" * 64])
def test_a_forged_signature_is_refused(forged: str) -> None:
    assert not verify(SAMPLE, b"{}", 1, forged)


def test_the_headers_are_the_documented_ones() -> None:
    timestamp_ms, content, signature = VECTORS[0]
    assert signed_headers(SAMPLE, content.encode(), timestamp_ms) == {
        "X-Tiniapp-Client-Id": CLIENT_KEY,
        "X-Tiniapp-Timestamp": "1620621619569",
        "X-Tiniapp-Signature": signature,
        "Content-Type": "application/json",
    }


def test_the_secret_is_in_no_representation() -> None:
    assert CLIENT_SECRET not in repr(SAMPLE)
    assert CLIENT_SECRET not in str(SAMPLE)
