"""Define the interface of a transcription provider. To add a provider, write a class like `HttpTranscriber`."""

from typing import Literal, Protocol

TranscriptionErrorReason = Literal["time-out", "busy", "broken", "garbage", "unreachable"]


class TranscriptionError(Exception):
    """There is no transcript. `reason` says why. Errors and logs contain neither sounds nor words."""

    def __init__(self, reason: TranscriptionErrorReason) -> None:
        super().__init__(reason)
        self.reason = reason


class Transcriber(Protocol):
    """Transcribes recordings."""

    name: str

    def transcribe(self, audio: bytes, content_type: str, language: str) -> str | None:
        """Return the words in the language they are spoken in, or None if there are none.

        `language` is the family's language, as a hint. A transcript is never certain, so show it as machine-made.

        Raises:
            TranscriptionError: Another attempt may succeed.
        """
        ...
