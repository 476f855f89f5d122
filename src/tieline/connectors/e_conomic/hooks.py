"""The webhook Customer updated: setting it up, and what its deliveries say.

e-conomic signs nothing and sends no data. What Tieline sets up carries a secret in a header of its own; a webhook that a person made may carry
it in the address or in the body instead. The body is ``old=[OLDNUMBER]&new=[NEWNUMBER]``; bare ``12&12`` and JSON with the same two names are
understood too, since people paste what they find. Source: vendor sheet section 6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from tieline.connectors.e_conomic.api import APIS, JUDGED, WEBHOOKSAPI, Api
from tieline.connectors.e_conomic.shapes import CUSTOMERS
from tieline.core.errors import ConfigError, ProtocolError
from tieline.sdk.contract import Arrived, Changed, Request, Subscription
from tieline.sdk.http import Response
from tieline.sdk.webhook import digest, is_same, json_of

EVENT = "CUSTOMER_UPDATED"
SECRET = "webhook_secret"  # noqa: S105  the name of the field
HEADER = "X-Tieline-Secret"
BODY = "old=[OLDNUMBER]&new=[NEWNUMBER]"
_PATH = f"{WEBHOOKSAPI}/webhooks"
_BARE = re.compile(r"\s*(\d{0,9})&(\d{0,9})\s*")
_NUMBER = re.compile(r"\d{1,9}")


# -- deliveries -------------------------------------------------------------------------------------------------------


def arrive(request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:
    """Genuine by its secret. The key is of this delivery alone: the words of two changes of one customer are the same, and one
    that is dropped is lost; one that is looked at twice costs a request."""
    words = _words(request)
    key = f"{digest(words, 8)}-{now_s:.6f}"
    expected = secrets.get(SECRET, "")
    if not expected:
        return Arrived("absent", key)
    given = request.headers.get(HEADER.lower(), "") or words.get("secret", "")
    return Arrived("token" if is_same(given, expected) else "failed", key)


def changed(request: Request) -> list[Changed]:
    """Which customer. Old and new alike: changed; no old: made; no new: deleted; both, and different: renumbered."""
    words = _words(request)
    old, new = _number(words["old"]), _number(words["new"])
    if not old and not new:
        return []
    if not new:
        return [Changed(CUSTOMERS, old, "deleted")]
    if old and old != new:
        return [Changed(CUSTOMERS, old, "renumbered", new)]
    return [Changed(CUSTOMERS, new, "changed")]


def _number(text: str) -> str:
    """A number as text; what stands for "none" is not documented, so empty and 0 both do."""
    return text if _NUMBER.fullmatch(text) and text.strip("0") else ""


def _words(request: Request) -> dict[str, str]:
    """old, new and, where one is there, secret: of the body, else of the address."""
    query = _form(request.query)
    found = _of_body(request.body)
    if found is None:
        found = query
    if not {"old", "new"} <= found.keys():
        raise ProtocolError("a delivery without old and new number")
    for name in ("old", "new"):
        if found[name] and not _NUMBER.fullmatch(found[name]):
            raise ProtocolError("a delivery whose number is none")
    secret = found.get("secret") or query.get("secret", "")
    return {"old": found["old"], "new": found["new"]} | ({"secret": secret} if secret else {})


def _of_body(body: bytes) -> dict[str, str] | None:
    if not body.strip():
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ProtocolError("a body that is no text") from None
    if bare := _BARE.fullmatch(text):
        return {"old": bare[1], "new": bare[2]}
    if text.lstrip().startswith(("{", "[", '"')):
        found = json_of(body)
        if not isinstance(found, dict):
            raise ProtocolError("a body that is no object")
        return {
            str(name).lower(): _text(value)
            for name, value in found.items()
            if str(name).lower() in ("old", "new", "secret")
        }
    return _form(text)


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _form(text: str) -> dict[str, str]:
    try:
        found = parse_qs(text, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise ProtocolError("too many fields") from None
    return {
        name.lower(): values[-1].strip() for name, values in found.items() if name.lower() in ("old", "new", "secret")
    }


# -- setting up -------------------------------------------------------------------------------------------------------


async def subscribe(api: Api, url: str, secret: str) -> None:
    """One webhook for each kind of event and agreement is all there can be: ours is made, or put right."""
    wanted = {
        "eventType": EVENT,
        "name": "Tieline",
        "url": url,
        "contentType": "application/x-www-form-urlencoded",
        "postData": BODY,
        "customHeaders": [{"key": HEADER, "value": secret}],
    }
    known = await _known(api)
    if known is None:
        response = await api.write("POST", APIS, _PATH, wanted)
        if response.status < 300:
            return
        # a lost answer's second try, or another app's or person's webhook: the latter cannot be seen
        known = await _known(api)
        if known is None:
            raise _refused(response)
    for _ in range(2):
        if all(known.get(name) == value for name, value in wanted.items()) and not known.get("isDisabled"):
            return
        kept = {name: value for name, value in known.items() if name != "isDisabled" and value is not None}
        response = await api.write("PUT", APIS, _PATH, kept | wanted)
        if response.status < 300:
            return
        again = await _known(api) if response.status == 409 else None
        if again is None:
            raise _refused(response)
        known = again
    raise ConfigError("somebody else changes the webhook too", setting="webhook")


async def subscription(api: Api) -> Subscription | None:
    """Ours, as it is there now; one that a person made is not shown to us."""
    known = await _known(api)
    return Subscription(str(known.get("url") or ""), not known.get("isDisabled")) if known else None


async def unsubscribe(api: Api) -> None:
    """Taken away; one that is not there is fine."""
    response = await api.write("DELETE", APIS, f"{_PATH}/{EVENT}")
    if response.status >= 400 and response.status != 404:
        raise _refused(response)


async def _known(api: Api) -> dict[str, Any] | None:
    response = await api.get(APIS, f"{_PATH}/{EVENT}", accept=(404,))
    if response.status == 404:
        return None
    body = response.json()
    if not isinstance(body, dict) or not body.get("eventType"):
        raise ProtocolError("an answer that is no webhook")
    return body


def _refused(response: Response) -> ConfigError:
    body = response.json_or_none()
    code = str(body.get("errorCode") or "") if isinstance(body, dict) else ""
    status = response.status if response.status in JUDGED else 0
    return ConfigError(f"e-conomic refuses the webhook: {status} {code}", setting="webhook")
