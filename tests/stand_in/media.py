"""The Media and Recordings resources: files that families sent, behind the account's password, moved to a CDN, deleted.

That the API answers 307 to `media.twiliocdn.com` is a guess (twilio.md, section 1); so is that the CDN refuses a request
with credentials, as storage services do.
"""

import base64
import hmac
import re
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any

from .records import new_sid

RESOURCE = re.compile(r"/2010-04-01/Accounts/([^/]+)/(?:Messages/[^/]+/Media/(ME\w+)|Recordings/(RE\w+))(\.\w+)?")
CDN = re.compile(r"/cdn/(\w+)")
CDN_HOST = "https://media.twiliocdn.com"

Raw = tuple[int, dict[str, str], bytes]


@dataclass
class Kept:
    """One file.  `moved_to`: where a GET is sent instead; `honest`: whether its length is said."""

    sid: str
    url: str
    content_type: str
    data: bytes
    moved_to: str | None = None
    honest: bool = True
    troubles: list[int] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Asked:
    """One request for a file: was the account's password shown, and what was answered."""

    method: str
    path: str
    password: bool
    status: int


class MediaShelf:
    """What the account's messages and recordings hold.  `asked` has every request, `files` what is still there."""

    def __init__(self, account_sid: str, auth_token: str) -> None:
        self.account_sid = account_sid
        self._password = b"Basic " + base64.b64encode(f"{account_sid}:{auth_token}".encode())
        self._lock = threading.Lock()
        self.files: dict[str, Kept] = {}
        self.asked: list[Asked] = []

    def put(
        self,
        data: bytes = b"OggS sound",
        content_type: str = "audio/ogg",
        *,
        cdn: bool = False,
        moved_to: str | None = None,
        honest: bool = True,
        recording: bool = False,
        troubles: tuple[int, ...] = (),
        sid: str = "",
        seconds: float = 0.0,
    ) -> Kept:
        """A file that a family sent (or said, in a call); `troubles`: the statuses of the first answers to it.

        `seconds`: so long its download takes to begin.
        """
        sid = sid or new_sid("RE" if recording else "ME")
        inside = f"Recordings/{sid}" if recording else f"Messages/{new_sid('MM')}/Media/{sid}"
        url = f"https://api.twilio.com/2010-04-01/Accounts/{self.account_sid}/{inside}"
        where = f"{CDN_HOST}/cdn/{sid}" if cdn else moved_to
        kept = Kept(sid, url, content_type, data, where, honest, list(troubles), seconds)
        with self._lock:
            self.files[sid] = kept
        return kept

    def listed(self, message_sid: str) -> dict[str, Any]:
        """The files of one message, as the API lists them."""
        base = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{message_sid}/Media"
        with self._lock:
            found = [one for one in self.files.values() if f"/Messages/{message_sid}/" in one.url]
        rows = [
            {
                **{"sid": one.sid, "parent_sid": message_sid, "account_sid": self.account_sid},
                **{"content_type": one.content_type, "date_created": None, "date_updated": None},
                "uri": f"{base}/{one.sid}.json",
            }
            for one in found
        ]
        paging = {"page": 0, "page_size": 50, "start": 0, "end": 0, "uri": f"{base}.json", "next_page_uri": None}
        return {"media_list": rows, **paging}

    def answer(self, method: str, path: str, authorization: str) -> Raw | None:
        """Status, headers and body; None for a path that is none of these."""
        resource, cdn = RESOURCE.fullmatch(path), CDN.fullmatch(path)
        if not resource and not cdn:
            return None
        with self._lock:
            raw = self._resource(method, resource, authorization) if resource else self._cdn(cdn, authorization)
            self.asked.append(Asked(method, path, bool(authorization), raw[0]))
            kept = self.files.get(resource[2] or resource[3]) if resource and method == "GET" else None
        time.sleep(kept.seconds if kept else 0)
        return raw

    def _resource(self, method: str, match: re.Match[str], authorization: str) -> Raw:
        kept = self.files.get(match[2] or match[3])
        if not hmac.compare_digest(authorization.encode(), self._password):
            return 401, {}, b""
        if match[1] != self.account_sid or kept is None:
            return 404, {}, b""
        if kept.troubles:
            return kept.troubles.pop(0), {}, b""
        if method == "DELETE":
            del self.files[kept.sid]
            return 204, {}, b""
        if kept.moved_to is not None:
            return 307, {"Location": kept.moved_to}, b""
        # a recording's own address gives WAV, only the one with this ending MP3 (www.twilio.com/docs/voice/api/recording)
        return _file(replace(kept, content_type="audio/x-wav") if match[3] and match[4] != ".mp3" else kept)

    def _cdn(self, match: re.Match[str] | None, authorization: str) -> Raw:
        kept = self.files.get(match[1]) if match else None
        if authorization:
            return 400, {}, b"Only one auth mechanism allowed"
        return _file(kept) if kept else (404, {}, b"")


def _file(kept: Kept) -> Raw:
    headers = {"Content-Type": kept.content_type} if kept.content_type else {}
    return 200, headers if kept.honest else {**headers, "Connection": "close"}, kept.data
