"""Signatures."""

import base64
import hashlib
import hmac

import pytest

from tieline.sdk.webhook import is_recent, is_same, is_signed, sign

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
