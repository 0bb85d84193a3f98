"""Compute Twilio's webhook signature from its description. A test compares it with Twilio's own validator."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence


def sign(auth_token: str, url: str, params: Mapping[str, str | Sequence[str]]) -> str:
    """Return the value of X-Twilio-Signature for a form posted to `url`.

    The value is the Base64 of HMAC-SHA1 with the auth token, over the URL and each name and value in order of the
    names. A repeated name has each different value once, sorted (RequestValidator of the Python client).
    """
    text = url
    for name in sorted(params):
        value_or_values = params[name]
        values = [value_or_values] if isinstance(value_or_values, str) else sorted(set(value_or_values))
        text += "".join(name + value for value in values)
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), hashlib.sha1)).decode()
