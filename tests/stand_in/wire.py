"""One webhook on its way: posted as Twilio posts it, without following redirects."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

FORM = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass(frozen=True)
class Posted:
    """What came back; `status` is None when nothing did."""

    status: int | None
    content_type: str
    text: str


def post(url: str, body: bytes, headers: Mapping[str, str], reach: Mapping[str, str], timeout: float = 15.0) -> Posted:
    """Post `body` to `url`, by way of `reach` ({public base URL: local base URL}) with the public Host.

    15 seconds are Twilio's own limit (error 11200).  The #fragment holds connection settings and is not sent.
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
    except (OSError, http.client.HTTPException) as problem:
        return Posted(None, "", repr(problem))
    finally:
        connection.close()
