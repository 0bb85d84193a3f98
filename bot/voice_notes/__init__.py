"""Families' voice notes: fetched and deleted at Twilio, kept sealed; a machine writes them down if a district likes."""
