"""Fetch families' voice notes, store them encrypted, delete them at Twilio, and optionally transcribe them."""
