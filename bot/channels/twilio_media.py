"""Fetch and delete families' media at Twilio, and only at Twilio's own addresses.

A URL comes with a signed webhook but is still untrusted text. An attacker who chooses it could make this machine
request pages inside the district's network with our credentials (SSRF). Every URL is checked, including redirects.
"""

import re
import time
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
from requests import PreparedRequest, Response

from bot.base.settings import Settings

API_HOST_PATTERN = re.compile(r"api(\.[a-z0-9-]+){0,2}\.twilio\.com")
"""The API, including its regions. No other host gets our credentials."""
MEDIA_HOST_PATTERN = re.compile(r"([a-z0-9-]+\.)+twilio\.com|(media|mms)\.twiliocdn\.com")
"""The hosts to which the API redirects (twilio.md, section 1)."""
AUDIO_TYPES = frozenset({"audio/ogg", "audio/amr", "audio/3gpp", "audio/aac", "audio/mp4", "audio/mpeg"})
"""From twilio.md, section 6. AAC also comes in its container, MP4."""
AUDIO_TYPE_ALIASES = {
    "application/ogg": "audio/ogg",
    "audio/opus": "audio/ogg",
    "audio/mp3": "audio/mpeg",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
}
"""Other names that phones use for these types."""
UNSPECIFIC_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""With these types, the type in the webhook counts."""
MAX_MEDIA_BYTES = 16 * 1024 * 1024
MAX_REDIRECTS = 3
READ_TIMEOUT_SECONDS, TOTAL_TIMEOUT_SECONDS = 8, 30
"""The limit for a connection or a pause in the stream, and for the whole download. Both are below a job's minute."""
STREAM_CHUNK_BYTES = 64 * 1024
MEDIA_PATH_PATTERN = re.compile(r"/2010-04-01/Accounts/(AC[0-9a-fA-F]{32})/(Messages/\w+/Media/\w+|Recordings/RE\w+)")
FILE_ENDING_PATTERN = re.compile(r"\.(mp3|wav|json)$")
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})

MediaErrorReason = Literal["elsewhere", "too_big", "type", "empty", "not_there", "denied", "away"]
RETRYABLE_REASONS = frozenset({"not_there", "denied", "away"})
"""Reasons that can pass: a file that does not exist yet, a token rotation, or Twilio being unavailable."""


class MediaError(Exception):
    """A file could not be fetched or deleted. The URL is never part of an error or a log line."""

    def __init__(self, reason: MediaErrorReason) -> None:
        super().__init__(reason)
        self.reason: MediaErrorReason = reason

    @property
    def is_retryable(self) -> bool:
        """Whether a retry can succeed."""
        return self.reason in RETRYABLE_REASONS


@dataclass(frozen=True)
class MediaFile:
    """A file and its type, which is one of `AUDIO_TYPES`."""

    content_type: str
    data: bytes


class TwilioMedia:
    """Fetches and deletes media.

    If `TWILIO_API_BASE` (a proxy or a test server) is set, it replaces all of Twilio's hosts. Without a Twilio account
    (development), the simulator on this machine does.
    """

    def __init__(self, settings: Settings) -> None:
        self._account = settings.account_sid
        self._credentials = (settings.account_sid, settings.twilio_token)
        self._base = settings.twilio_api_base.rstrip("/")
        if not self._base and settings.is_simulator_enabled and not settings.is_live:
            self._base = f"http://127.0.0.1:{settings.port}"

    def fetch(self, url: str, content_type: str = "") -> MediaFile:
        """Fetch the file at this Twilio URL. `content_type` is the type in the webhook. Raises `MediaError`."""
        deadline = time.monotonic() + TOTAL_TIMEOUT_SECONDS
        try:
            with requests.Session() as session:
                response = self._follow_redirects(session, url)
                return _read_body(response, content_type, deadline)
        except ValueError:  # a redirect to an invalid URL
            raise MediaError("elsewhere") from None
        except requests.RequestException:
            raise MediaError("away") from None

    def delete(self, url: str) -> None:
        """Delete the file at Twilio. A missing file is not an error. Raises `MediaError`."""
        if not self._is_api_url(url):
            raise MediaError("elsewhere")
        resource = FILE_ENDING_PATTERN.sub("", urlsplit(url).path)
        match = MEDIA_PATH_PATTERN.fullmatch(resource)
        if not match or match[1] != self._account:
            raise MediaError("elsewhere")
        resource_url = urlunsplit(urlsplit(url)._replace(path=f"{resource}.json", query="", fragment=""))
        try:
            with requests.Session() as session:
                status = self._send_request(session, "DELETE", resource_url).status_code
        except requests.RequestException:
            raise MediaError("away") from None
        if status not in (200, 204, 404, 410):
            raise MediaError(_classify_status(status))

    def _follow_redirects(self, session: requests.Session, url: str) -> Response:
        """Return the response after all redirects, before its body is read."""
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send_request(session, "GET", url)
            if response.status_code in REDIRECT_STATUSES:
                url = _resolve_redirect(url, response.headers.get("Location", ""))
            elif response.status_code == 200:
                return response
            else:
                raise MediaError(_classify_status(response.status_code))
            response.close()
        raise MediaError("elsewhere")

    def _send_request(self, session: requests.Session, method: str, url: str) -> Response:
        is_api = self._is_api_url(url)
        if not is_api and not self._is_media_url(url):
            raise MediaError("elsewhere")
        auth = requests.auth.HTTPBasicAuth(*self._credentials) if is_api else _omit_credentials
        headers = {"Accept-Encoding": "identity"}  # compressed data could exceed MAX_MEDIA_BYTES
        target_url = self._rewrite_url(url)
        return session.request(
            method,
            target_url,
            auth=auth,
            headers=headers,
            timeout=READ_TIMEOUT_SECONDS,
            stream=True,
            allow_redirects=False,
        )

    def _is_api_url(self, url: str) -> bool:
        if API_HOST_PATTERN.fullmatch(get_host(url)):
            return True
        return bool(self._base) and _get_origin(url) == _get_origin(self._base)

    def _is_media_url(self, url: str) -> bool:
        return bool(MEDIA_HOST_PATTERN.fullmatch(get_host(url)))

    def _rewrite_url(self, url: str) -> str:
        if not self._base:
            return url
        base = urlsplit(self._base)
        return urlunsplit(urlsplit(url)._replace(scheme=base.scheme, netloc=base.netloc))


def get_host(url: str) -> str:
    """Return the host of an https URL without a user, on the default port. Any other URL returns ""."""
    try:
        parts = urlsplit(url)
        has_usual_port = parts.port in (None, 443)
    except ValueError:
        return ""
    is_plain = has_usual_port and parts.scheme == "https" and "@" not in parts.netloc and "\\" not in url
    if not (is_plain and url.isascii() and url.isprintable()):
        return ""
    return parts.hostname or ""


def _get_origin(url: str) -> tuple[str, str]:
    """Return scheme and host of a URL, or two empty strings for an invalid one."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def _resolve_redirect(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def _omit_credentials(request: PreparedRequest) -> PreparedRequest:
    """Send no credentials, not even those in a `.netrc` file for this host."""
    return request


def _classify_status(status: int) -> MediaErrorReason:
    if status in (401, 403):
        return "denied"
    if status in (404, 410):
        return "not_there"
    return "away"


def _read_body(response: Response, declared_type: str, deadline: float) -> MediaFile:
    """Read the body and count its bytes, since the declared length can be wrong."""
    content_type = _normalize_type(response.headers.get("Content-Type", ""))
    if content_type in UNSPECIFIC_TYPES:
        content_type = _normalize_type(declared_type)
    length = response.headers.get("Content-Length", "")
    if content_type not in AUDIO_TYPES:
        raise MediaError("type")
    if length.isdecimal() and int(length) > MAX_MEDIA_BYTES:
        raise MediaError("too_big")
    data = bytearray()
    for chunk in response.iter_content(STREAM_CHUNK_BYTES):
        data += chunk
        if len(data) > MAX_MEDIA_BYTES:
            raise MediaError("too_big")
        if time.monotonic() > deadline:
            raise MediaError("away")
    if not data or (length.isdecimal() and len(data) != int(length)):
        raise MediaError("away" if data else "empty")
    return MediaFile(content_type, bytes(data))


def _normalize_type(header: str) -> str:
    content_type = header.split(";", maxsplit=1)[0].strip().lower()
    return AUDIO_TYPE_ALIASES.get(content_type, content_type)
