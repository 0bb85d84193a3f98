"""Transcripts: conversations in `flows/tests/*.yaml` that a liaison reads and writes, and that are tests."""
