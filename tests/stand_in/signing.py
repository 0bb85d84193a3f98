"""Twilio's webhook signature, written from its description and tested against Twilio's own validator."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence


def sign(auth_token: str, url: str, params: Mapping[str, str | Sequence[str]]) -> str:
    """The value of X-Twilio-Signature for a form posted to `url`.

    Base64 of HMAC-SHA1 with the auth token over the URL followed by each name and value, in order of the
    names; of a repeated name each different value once, sorted (RequestValidator of the Python client).
    """
    text = url
    for name in sorted(params):
        given = params[name]
        values = [given] if isinstance(given, str) else sorted(set(given))
        text += "".join(name + value for value in values)
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), hashlib.sha1)).decode()
