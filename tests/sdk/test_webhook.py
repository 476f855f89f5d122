"""Signatures."""

import base64
import hashlib
import hmac

import pytest

from tieline.core.errors import ProtocolError
from tieline.sdk.webhook import digest, is_recent, is_same, is_signed, json_of, sign

SECRET = "whsec"
BODY = b'1700000000.{"a":1}'
HEX = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()


def test_a_true_signature_in_either_writing() -> None:
    assert is_signed(SECRET, BODY, HEX)
    assert is_signed(SECRET, BODY, HEX.upper())
    assert is_signed(SECRET.encode(), BODY, "sha256=" + HEX, prefix="sha256=")
    assert is_signed(SECRET, BODY, base64.b64encode(bytes.fromhex(HEX)).decode(), encoding="base64")
    assert is_signed(SECRET, BODY, sign(SECRET, BODY, "sha1").hex(), algorithm="sha1")


@pytest.mark.parametrize(
    "signature", ["", "00", HEX[:-1] + ("0" if HEX[-1] != "0" else "1"), "zz" * 32, "é", HEX + "00", "sha1=" + HEX]
)
def test_anything_else_is_none(signature: str) -> None:
    assert not is_signed(SECRET, BODY, signature)
    assert not is_signed(SECRET, BODY, signature, encoding="base64")


def test_other_content_secret_or_no_secret() -> None:
    assert not is_signed(SECRET, BODY + b" ", HEX)
    assert not is_signed("other", BODY, HEX)
    assert not is_signed("", BODY, sign(b"", BODY).hex())
    assert not is_signed(SECRET, BODY, HEX, prefix="v1=")


@pytest.mark.parametrize(
    ("stamp", "recent"),
    [
        ("1000", True),
        ("700", True),
        ("1300", True),
        ("699", False),
        ("1301", False),
        ("", False),
        ("nan", False),
        ("x", False),
    ],
)
def test_old_ones_are_refused(stamp: str, recent: bool) -> None:
    assert is_recent(stamp, 1000.0) is recent


def test_milliseconds() -> None:
    assert is_recent("1700000000000", 1700000010.0)
    assert not is_recent("1700000000000", 1700000310.0)


def test_echoed_tokens() -> None:
    assert is_same("abc", "abc")
    assert not is_same("abd", "abc")
    assert not is_same("", "")


def test_json_is_read_as_deep_as_any_contract_goes() -> None:
    assert json_of(b'{"a": [1]}') == {"a": [1]}
    assert json_of(b"[" * 60 + b"]" * 60)
    wide = b"[" + b"[]," * 500 + b"[]]"
    assert len(json_of(wide)) == 501
    for body in (b"", b"{", b"\xff", b"NaN", b"[" * 70 + b"]" * 70, b'{"a":' * 1000 + b"1" + b"}" * 1000):
        with pytest.raises(ProtocolError):
            json_of(body)


def test_a_digest_is_of_what_is_said_in_whatever_order() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": "1"})
    assert len(digest({}, 16)) == 32
