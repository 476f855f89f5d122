"""Deliveries that nobody meant: seeded, made of noise and of every phone system's own fixtures, signed rightly and wrongly."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import random
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import orjson

from tests.connectors.test_phones_fold import FIXTURES, opened
from tieline.api.intake import LARGEST
from tieline.connectors.webhook.signing import signature
from tieline.sdk.contract import Request

PUBLIC = "https://phones.example.com"
SECRETS = {
    "sipsim": "signing_secret",
    "twilio": "auth_token",
    "aircall": "webhook_token",
    "ringover": "webhook_key",
    "webhook": "signing_secret",
}
"""Phone system → the field that its deliveries are checked with."""
SECRET = "kR7-a-secret-for-signing"

ODD_TEXTS = [
    "\x00",
    "a\x00b",
    "\ufffe",
    "\u202e",
    "😀" * 400,
    "9" * 400,
    "-1",
    "1e999",
    "NaN",
    "  ",
    "'; --",
    "é" * 3000,
    "null",
    "+",
    "0",
]
ODD_VALUES: list[Any] = [
    None, True, 0, -1, 2**53, 2**63, 2**64 - 1, -(2**63), 1e308, -1e-308, 1.5, [], {}, [[]], {"": ""}, [1, "a", None],
    {"a": {"b": [{}]}}, *ODD_TEXTS,
]  # fmt: skip
ODD_METHODS = ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "post", "M-SEARCH"]
ODD_TYPES = ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/json; charset=utf-16", "", "é", "a" * 900]  # fmt: skip


@dataclass(frozen=True)
class Door:
    """A connection that events come in by; `secret`: what they are signed with, "" where nothing is."""

    connection: int
    connector: str
    key: str
    secret: str


@dataclass(frozen=True)
class Sent:
    """One delivery as it goes over the wire. `whole`: all of its body is sent; `is_http`: a parser has to accept its head."""

    door: Door
    method: str
    body: bytes
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    path: str = ""
    chunked: bool = False
    declared: int | None = None
    whole: bool = True
    is_http: bool = True
    after: bytes = b""
    """What comes behind the body and is none of it."""

    @property
    def head(self) -> int:
        """About so long is what comes before the body."""
        return (
            len(self.path) + len(self.query) + sum(len(name) + len(value) + 4 for name, value in self.headers.items())
        )

    def request(self) -> Request:
        """As a connector reads it."""
        headers = {name: value.strip(" \t") for name, value in self.headers.items()}
        return Request(self.method, self.query, headers, self.body, PUBLIC + self.path)

    def wire(self, chance: random.Random) -> bytes:
        """Its bytes."""
        target = self.path + (f"?{self.query}" if self.query else "")
        lines = [f"{self.method} {target} HTTP/1.1", "host: x", "connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.chunked:
            lines.append("transfer-encoding: chunked")
        elif self.body or self.declared is not None or self.method == "POST":
            lines.append(f"content-length: {len(self.body) if self.declared is None else self.declared}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        if not self.chunked:
            return head + self.body + self.after
        parts, at = [head], 0
        while at < len(self.body):
            size = chance.choice([1, 7, 100, 4096, 300_000])
            part = self.body[at : at + size]
            parts.append(b"%x\r\n%s\r\n" % (len(part), part))
            at += size
        return b"".join([*parts, b"0\r\n\r\n"]) if self.whole else b"".join(parts)


def fixtures() -> dict[str, list[Request]]:
    """Every delivery of every phone system's fixtures."""
    found: dict[str, list[Request]] = {name: [] for name in SECRETS}
    for param in FIXTURES:
        name, path = param.values
        if name in found:
            found[name] += opened(path)[0]
    return found


def signed(sent: Sent, secret: str) -> Sent:
    """Signed as its phone system does."""
    name, stamp = sent.door.connector, str(int(time.time()))
    if name == "sipsim":
        content = stamp.encode() + b"." + sent.body
        more = {"x-webhook-timestamp": stamp, "x-webhook-signature": _hmac(secret, content, "sha256").hex()}
    elif name == "webhook":
        content = sent.body if sent.method != "GET" else sent.query.encode("latin-1", "replace")
        id = sent.headers.get("webhook-id", "msg_" + hashlib.sha1(sent.query.encode() + sent.body).hexdigest())
        more = {
            "webhook-id": id,
            "webhook-timestamp": stamp,
            "webhook-signature": signature(secret, id, stamp, content),
        }
    elif name == "ringover":
        address = PUBLIC + sent.path + (f"?{sent.query}" if sent.query else "")
        content = f"{sent.method}{address}".encode() + sent.body + stamp.encode()
        more = {
            "x-ringover-request-signature-v3-timestamp": stamp,
            "x-ringover-webhook-signature-v3": base64.b64encode(_hmac(secret, content, "sha256")).decode(),
        }
    elif name == "twilio":
        address = PUBLIC + sent.path + (f"?{sent.query}" if sent.query else "")
        params = parse_qsl(sent.body.decode("utf-8", "replace"), keep_blank_values=True)
        content = (address + "".join(key + value for key, value in sorted(set(params)))).encode("utf-8", "replace")
        more = {"x-twilio-signature": base64.b64encode(_hmac(secret, content, "sha1")).decode()}
    else:  # a token in the body
        try:
            value = orjson.loads(sent.body)
        except ValueError:
            return sent
        if not isinstance(value, dict):
            return sent
        try:
            return replace(sent, body=orjson.dumps({**value, "token": secret}))
        except TypeError:  # deeper than it writes
            return sent
    return replace(sent, headers={**sent.headers, **more})


def _hmac(secret: str, content: bytes, algorithm: str) -> bytes:
    return hmac.digest(secret.encode(), content, algorithm)


class Maker:
    """Makes deliveries, the same ones for the same seed."""

    def __init__(self, seed: int, doors: list[Door]) -> None:
        self.chance = random.Random(seed)
        self.doors = doors
        self.real = fixtures()
        self.kinds: list[tuple[int, Callable[[Door], Sent]]] = [
            (10, self.plain), (30, self.mutated), (10, self.spoilt), (8, self.noise), (5, self.deep), (5, self.huge_number),
            (5, self.doubled_keys), (4, self.wrong_type), (4, self.odd_method), (4, self.odd_head), (4, self.odd_query),
            (5, self.pieces), (2, self.near_limit), (1, self.too_large), (2, self.torn), (2, self.cut), (3, self.packed), (2, self.not_http), (3, self.odd_path),
        ]  # fmt: skip

    def one(self) -> Sent:
        """The next one: signed with the right secret, with a wrong one, or not at all."""
        door = self.chance.choice(self.doors)
        (make,) = self.chance.choices([kind for _, kind in self.kinds], [weight for weight, _ in self.kinds])
        sent = make(door)
        if door.secret and sent.whole and sent.is_http:
            luck = self.chance.random()
            if luck < 0.75:
                return signed(sent, door.secret)
            if luck < 0.9:
                return signed(sent, "another-secret")
        return sent

    def plain(self, door: Door) -> Sent:
        """A real one as it is."""
        request = self.chance.choice(self.real[door.connector])
        return Sent(door, request.method, request.body, request.query, dict(request.headers), f"/in/{door.key}")

    def mutated(self, door: Door) -> Sent:
        """A real one whose values are others, or elsewhere."""
        sent = self.plain(door)
        try:
            value = orjson.loads(sent.body)
        except ValueError:
            pairs = parse_qsl((sent.body or sent.query.encode()).decode(), keep_blank_values=True)
            for _ in range(self.chance.randint(1, 4)):
                at = self.chance.randrange(len(pairs))
                pairs[at] = (pairs[at][0], self.chance.choice(ODD_TEXTS))
            text = "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in pairs)
            return replace(sent, body=text.encode()) if sent.body else replace(sent, query=text)
        for _ in range(self.chance.randint(1, 4)):
            self._change(value)
        return replace(sent, body=orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))

    def _change(self, value: Any) -> None:
        while True:
            inner = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
            if not inner:
                return
            key, found = self.chance.choice(inner)
            if isinstance(found, (dict, list)) and found and self.chance.random() < 0.8:
                value = found
                continue
            if isinstance(value, dict) and self.chance.random() < 0.15:
                del value[key]
            else:
                odd = [*ODD_VALUES, self.chance.randrange(10**12), str(self.chance.random())]
                value[key] = deepcopy(self.chance.choice(odd))
            return

    def spoilt(self, door: Door) -> Sent:
        """A real one with bytes that are others, away, or doubled."""
        sent = self.plain(door)
        body = bytearray(sent.body or b"{}")
        for _ in range(self.chance.randint(1, 6)):
            at = self.chance.randrange(len(body) + 1)
            body[at : at + self.chance.choice([0, 1, 1, 5])] = self.chance.choice(
                [
                    b"",
                    b"\x00",
                    b"\xff\xfe",
                    b"\xed\xa0\x80",
                    b"\\ud800",
                    b"\\u0000",
                    b'"',
                    b"{",
                    b"]",
                    b"%00",
                    b"&",
                    b"%",
                    b"\xc3",
                ]
            )
        return replace(sent, body=bytes(body))

    def noise(self, door: Door) -> Sent:
        """Bytes."""
        size = self.chance.choice([0, 1, 2, 17, 300, 5000])
        head = self.chance.choice(
            [b"", b"{", b"[", b"\xef\xbb\xbf{", b"\xff\xfe{\x00", b"a=", b"\x1f\x8b\x08", b"event="]
        )
        return self._with(door, head + self.chance.randbytes(size))

    def deep(self, door: Door) -> Sent:
        """Nested without end, alone or in a real one."""
        levels = self.chance.choice([65, 500, 1100, 100_000])
        inner = self.chance.choice(
            [b"[" * levels + b"]" * levels, b'{"a":' * levels + b"1" + b"}" * levels, b"[" * levels]
        )
        return self._with(door, b'{"event":"call.ended","data":%s}' % inner if self.chance.random() < 0.7 else inner)

    def huge_number(self, door: Door) -> Sent:
        """Numbers that no machine holds."""
        number = self.chance.choice(
            ["9" * 5000, "1e99999", "-" + "9" * 400 + ".5", "1" * 25, "0." + "0" * 5000 + "1", "1e-99999"]
        )
        name = self.chance.choice(
            ["pbx_id", "call_id", "timestamp", "duration", "id", "CallDuration", "webhook_id", "time"]
        )
        body = self.plain(door).body
        if body[:1] == b"{":
            return self._with(door, b'{"%s":%s,' % (name.encode(), number.encode()) + body[1:])
        return self._with(door, body + f"&{name}={number}".encode())

    def doubled_keys(self, door: Door) -> Sent:
        """The same name more than once."""
        sent = self.plain(door)
        body = sent.body
        if body[:1] == b"{":
            body = b'{"event":"test","data":{"id":1},"pbx_id":"a",' + body[1:-1] + b',"event":"call.ended"}'
        else:
            body = body + b"&" + body + b"&CallSid=CA0&CallSid=CA1"
        return replace(sent, body=body)

    def wrong_type(self, door: Door) -> Sent:
        """Says that it is something else."""
        sent = self.plain(door)
        return replace(sent, headers={**sent.headers, "content-type": self.chance.choice(ODD_TYPES)})

    def odd_method(self, door: Door) -> Sent:
        """Neither GET nor POST."""
        return replace(self.plain(door), method=self.chance.choice(ODD_METHODS))

    def odd_head(self, door: Door) -> Sent:
        """Headers that nobody sends."""
        more = {
            self.chance.choice(["x-odd", "x-webhook-signature", "webhook-id", "x-twilio-signature", "expect", "accept", "webhook-timestamp", "content-encoding", "x-ringover-webhook-signature"]):
            self.chance.choice(["\xff\xfe", "a" * 20_000, "a" * 80_000, "100-continue", "nan", "inf", "\t", "gzip", "v1,", "a.b.c", "=" * 50, "9" * 40])
        }  # fmt: skip
        return replace(self.plain(door), headers={**self.plain(door).headers, **more})

    def odd_query(self, door: Door) -> Sent:
        """What no URL is made of."""
        query = self.chance.choice(["%00", "a=%00&event=x", "%ff%fe", "&&&&", "=" * 500, "event=incoming_call_end&pbx_id=%00", "?", "a" * 30_000, "a" * 80_000, "%u0000", "x=%ed%a0%80", "event[]=1", "\xe9=\xff", "bodySHA256=zz"])  # fmt: skip
        sent = self.plain(door)
        return replace(
            sent, query=query, method=self.chance.choice(["GET", "POST"]), body=self.chance.choice([b"", sent.body])
        )

    def pieces(self, door: Door) -> Sent:
        """A body in pieces."""
        return replace(self.mutated(door), chunked=True, method="POST")

    def near_limit(self, door: Door) -> Sent:
        """As large as may be, or a little more."""
        body = self.plain(door).body
        size = LARGEST + self.chance.choice([-400, -200, 1, 2])
        if body[:1] == b"{":
            body = body[:-1] + b',"odd":"' + b"x" * (size - len(body) - 9) + b'"}'
        else:
            body += b"&odd=" + b"x" * (size - len(body) - 5)
        return replace(self._with(door, body), chunked=self.chance.random() < 0.5)

    def too_large(self, door: Door) -> Sent:
        """Far too large, or said to be."""
        if self.chance.random() < 0.5:
            return replace(
                self._with(door, b"{}"), declared=self.chance.choice([LARGEST + 1, 2**31, 10**15, 2**63]), whole=False
            )
        return replace(self._with(door, b"a" * (LARGEST * 2)), chunked=self.chance.random() < 0.5)

    def torn(self, door: Door) -> Sent:
        """The connection breaks in the middle."""
        sent = self.plain(door)
        if self.chance.random() < 0.5:
            return replace(sent, method="POST", chunked=True, whole=False)
        return replace(sent, method="POST", declared=len(sent.body) + 7, whole=False)

    def cut(self, door: Door) -> Sent:
        """Says that it is shorter than it is."""
        sent = self.plain(door)
        at = self.chance.randrange(len(sent.body) + 1)
        return replace(sent, method="POST", body=sent.body[:at], after=sent.body[at:] or b"{}")

    def packed(self, door: Door) -> Sent:
        """Compressed, which nobody asked for: the bytes are what was sent."""
        sent = self.plain(door)
        body = gzip.compress(sent.body * self.chance.choice([1, 1000]), mtime=0)
        if self.chance.random() < 0.3:
            body = body[: self.chance.randrange(len(body))]
        return replace(sent, method="POST", body=body, headers={**sent.headers, "content-encoding": "gzip"})

    def not_http(self, door: Door) -> Sent:
        """A head that is none."""
        more = self.chance.choice([{"content-length": "-5"}, {"content-length": "1_0"}, {"a b": "c"}, {"x": "a\x00b"}, {"x": "a\rb: c"}])  # fmt: skip
        return replace(self.plain(door), headers=more, is_http=False)

    def odd_path(self, door: Door) -> Sent:
        """Beside the door."""
        path = self.chance.choice(["/in/", "/in//", "/in/%00", "/in/%ff", "/in/" + "a" * 20_000, "/in/" + "a" * 80_000, f"/in/{door.key}x", f"/in/{door.key[:-1]}", "/in/../in/x", "/in/é"])  # fmt: skip
        return replace(self.plain(door), path=path)

    def _with(self, door: Door, body: bytes) -> Sent:
        kind = self.chance.choice(["application/json", "application/x-www-form-urlencoded"])
        return Sent(door, "POST", body, "", {"content-type": kind}, f"/in/{door.key}")
