"""Transcription by a server of the district's own choice: the sound goes there by POST, JSON {"text": …} comes back.

The families' voices go to nobody whom the district did not name; what a server has to do fits on a page, so that any
program (whisper.cpp, a vendor's) can be put behind it: docs/voice-notes.md.
"""

import json
import time

import requests

from bot.transcription.provider import Failed

SECONDS, ALL_SECONDS = 10, 45
"""For a connection or a pause of the answer, and for all of it: below a job's minute."""
MOST_BYTES = 200_000
CHARACTERS = 8000


class HttpTranscriber:
    """The provider `http`.  `url`: the district's address; `token`: sent as a bearer token, if there is one."""

    name = "http"

    def __init__(self, url: str, token: str = "") -> None:
        self._url, self._token = url, token

    def transcribe(self, audio: bytes, content_type: str, language: str) -> str | None:
        """As `Transcriber.transcribe` promises."""
        try:
            status, body = self._ask(audio, content_type, language)
        except requests.Timeout:
            raise Failed("time-out") from None
        except requests.RequestException:
            raise Failed("unreachable") from None
        if status != 200:
            raise Failed("busy" if status in (429, 503) else "broken")
        return _text_in(body)

    def _ask(self, audio: bytes, content_type: str, language: str) -> tuple[int, bytes]:
        until = time.monotonic() + ALL_SECONDS
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        with requests.post(
            self._url, audio, params={"language": language}, headers=headers, timeout=(SECONDS, ALL_SECONDS),
            stream=True, allow_redirects=False,
        ) as answer:  # fmt: skip
            body = b""
            for piece in answer.iter_content(16_384):
                body += piece
                if len(body) > MOST_BYTES:
                    raise Failed("garbage")
                if time.monotonic() > until:
                    raise Failed("time-out")
            return answer.status_code, body


def _text_in(body: bytes) -> str | None:
    try:
        text = json.loads(body)["text"]
    except (ValueError, KeyError, TypeError):
        raise Failed("garbage") from None
    if not isinstance(text, str):
        raise Failed("garbage")
    clean = "".join(char for char in text if char in "\n\t" or char.isprintable())
    return clean.strip()[:CHARACTERS] or None
