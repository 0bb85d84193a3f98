"""Prepare texts for calls: utterances, voices, and spoken wording."""
