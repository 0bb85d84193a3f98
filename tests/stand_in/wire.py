"""Post a webhook as Twilio does, without following redirects."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

FORM = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass(frozen=True)
class Posted:
    """The response to a webhook. `status` is None without a response."""

    status: int | None
    content_type: str
    text: str


def post(url: str, body: bytes, headers: Mapping[str, str], reach: Mapping[str, str], timeout: float = 15.0) -> Posted:
    """Post `body` to the local URL that `reach` has for `url` ({public base URL: local base URL}), with the public Host.

    Twilio's own timeout is 15 seconds (error 11200). The #fragment holds connection settings and isn't sent.
    """
    url = url.split("#", maxsplit=1)[0]
    public = urlsplit(url)
    for base, local in reach.items():
        if url == base or url.startswith((base.rstrip("/") + "/", base.rstrip("/") + "?")):
            url = local.rstrip("/") + url[len(base.rstrip("/")) :]
            break
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(
            "POST",
            target,
            body,
            {"Host": public.netloc, "Content-Type": FORM, "User-Agent": "TwilioProxy/1.1", "Accept": "*/*", **headers},
        )
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        return Posted(answer.status, answer.headers.get("Content-Type", ""), text)
    except (OSError, http.client.HTTPException) as error:
        return Posted(None, "", repr(error))
    finally:
        connection.close()
