"""A machine's ear for voice notes: off, unless the district sets one up (`TRANSCRIBER`)."""

from bot.transcription.provider import Transcriber, TranscriptionError

__all__ = ["Transcriber", "TranscriptionError"]
