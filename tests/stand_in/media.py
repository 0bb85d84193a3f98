"""The Media and Recordings resources: files of families, behind the account's password, on a CDN, or deleted.

Two things are guesses (twilio.md, section 1): the API redirects with 307 to `media.twiliocdn.com`, and the CDN refuses
a request with credentials, as storage services do.
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
    """One file. `moved_to`: the URL to which a GET is redirected. `honest`: whether the response has the length."""

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
    """One request for a file, whether it had credentials, and the status of the answer."""

    method: str
    path: str
    password: bool
    status: int


class MediaShelf:
    """The files of the account's messages and recordings. `asked` has every request, `files` the current files."""

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
        """Add a file that a family sent, or said in a call.

        `troubles` are the statuses of the first answers. `seconds` is the time before the download begins.
        """
        sid = sid or new_sid("RE" if recording else "ME")
        path = f"Recordings/{sid}" if recording else f"Messages/{new_sid('MM')}/Media/{sid}"
        url = f"https://api.twilio.com/2010-04-01/Accounts/{self.account_sid}/{path}"
        if cdn:
            moved_to = f"{CDN_HOST}/cdn/{sid}"
        file = Kept(sid, url, content_type, data, moved_to, honest, list(troubles), seconds)
        with self._lock:
            self.files[sid] = file
        return file

    def listed(self, message_sid: str) -> dict[str, Any]:
        """Return the files of one message, as the API lists them."""
        base = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{message_sid}/Media"
        with self._lock:
            files = [file for file in self.files.values() if f"/Messages/{message_sid}/" in file.url]
        rows = [
            {
                **{"sid": file.sid, "parent_sid": message_sid, "account_sid": self.account_sid},
                **{"content_type": file.content_type, "date_created": None, "date_updated": None},
                "uri": f"{base}/{file.sid}.json",
            }
            for file in files
        ]
        paging = {"page": 0, "page_size": 50, "start": 0, "end": 0, "uri": f"{base}.json", "next_page_uri": None}
        return {"media_list": rows, **paging}

    def answer(self, method: str, path: str, authorization: str) -> Raw | None:
        """Return the status, headers, and body, or None for another path."""
        resource, cdn = RESOURCE.fullmatch(path), CDN.fullmatch(path)
        if not resource and not cdn:
            return None
        with self._lock:
            raw = self._resource(method, resource, authorization) if resource else self._cdn(cdn, authorization)
            self.asked.append(Asked(method, path, bool(authorization), raw[0]))
            file = self.files.get(resource[2] or resource[3]) if resource and method == "GET" else None
        if file:
            time.sleep(file.seconds)
        return raw

    def _resource(self, method: str, match: re.Match[str], authorization: str) -> Raw:
        file = self.files.get(match[2] or match[3])
        if not hmac.compare_digest(authorization.encode(), self._password):
            return 401, {}, b""
        if match[1] != self.account_sid or file is None:
            return 404, {}, b""
        if file.troubles:
            return file.troubles.pop(0), {}, b""
        if method == "DELETE":
            del self.files[file.sid]
            return 204, {}, b""
        if file.moved_to is not None:
            return 307, {"Location": file.moved_to}, b""
        # A recording is WAV unless the URL ends in .mp3 (www.twilio.com/docs/voice/api/recording).
        if match[3] and match[4] != ".mp3":
            file = replace(file, content_type="audio/x-wav")
        return _file(file)

    def _cdn(self, match: re.Match[str] | None, authorization: str) -> Raw:
        file = self.files.get(match[1]) if match else None
        if authorization:
            return 400, {}, b"Only one auth mechanism allowed"
        return _file(file) if file else (404, {}, b"")


def _file(file: Kept) -> Raw:
    headers = {"Content-Type": file.content_type} if file.content_type else {}
    if not file.honest:
        headers["Connection"] = "close"
    return 200, headers, file.data
