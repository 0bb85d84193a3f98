"""Transcribe with a server of the district's choice: POST the sound, and read JSON {"text": …}.

Voices of families go only to the server that the district named. The protocol is small, so that any program
(whisper.cpp, a vendor's) can implement it: docs/voice-notes.md.
"""

import json
import time

import requests

from bot.transcription.provider import TranscriptionError

READ_TIMEOUT_SECONDS, TOTAL_TIMEOUT_SECONDS = 10, 45
"""The limits for a connection or a pause, and for the whole request. Both are below a job's minute."""
MAX_RESPONSE_BYTES = 200_000
MAX_TRANSCRIPT_CHARACTERS = 8000


class HttpTranscriber:
    """The provider `http`. `url` is the server's address, and `token` an optional bearer token."""

    name = "http"

    def __init__(self, url: str, token: str = "") -> None:
        self._url, self._token = url, token

    def transcribe(self, audio: bytes, content_type: str, language: str) -> str | None:
        """Implement `Transcriber.transcribe`."""
        try:
            status, body = self._send_request(audio, content_type, language)
        except requests.Timeout:
            raise TranscriptionError("time-out") from None
        except requests.RequestException:
            raise TranscriptionError("unreachable") from None
        if status != 200:
            raise TranscriptionError("busy" if status in (429, 503) else "broken")
        return _parse_text(body)

    def _send_request(self, audio: bytes, content_type: str, language: str) -> tuple[int, bytes]:
        deadline = time.monotonic() + TOTAL_TIMEOUT_SECONDS
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        with requests.post(
            self._url,
            audio,
            params={"language": language},
            headers=headers,
            timeout=(READ_TIMEOUT_SECONDS, TOTAL_TIMEOUT_SECONDS),
            stream=True,
            allow_redirects=False,
        ) as response:
            body = b""
            for chunk in response.iter_content(16_384):
                body += chunk
                if len(body) > MAX_RESPONSE_BYTES:
                    raise TranscriptionError("garbage")
                if time.monotonic() > deadline:
                    raise TranscriptionError("time-out")
            return response.status_code, body


def _parse_text(body: bytes) -> str | None:
    try:
        text = json.loads(body)["text"]
    except (ValueError, KeyError, TypeError):
        raise TranscriptionError("garbage") from None
    if not isinstance(text, str):
        raise TranscriptionError("garbage")
    printable = "".join(char for char in text if char in "\n\t" or char.isprintable())
    return printable.strip()[:MAX_TRANSCRIPT_CHARACTERS] or None
