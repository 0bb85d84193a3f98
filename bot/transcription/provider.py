"""What a transcription provider promises.  Whoever wants another one writes a class like `HttpTranscriber`."""

from typing import Literal, Protocol

TranscriptionErrorReason = Literal["time-out", "busy", "broken", "garbage", "unreachable"]


class TranscriptionError(Exception):
    """Nothing was written down.  `reason` says why; neither sound nor words stand in an error or a log."""

    def __init__(self, reason: TranscriptionErrorReason) -> None:
        super().__init__(reason)
        self.reason = reason


class Transcriber(Protocol):
    """Writes down what is said in a recording."""

    name: str

    def transcribe(self, audio: bytes, content_type: str, language: str) -> str | None:
        """What is said, in the language in which it is said (`language`: the family's, a hint); None: no words in it.

        Raises `Failed` where another try may end differently.  Never right for certain: whoever shows the words says
        that a machine wrote them.
        """
        ...
