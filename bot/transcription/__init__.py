"""Transcribe voice notes. This is off unless the district configures `TRANSCRIBER`."""

from bot.transcription.provider import Transcriber, TranscriptionError

__all__ = ["Transcriber", "TranscriptionError"]
