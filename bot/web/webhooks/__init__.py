"""Twilio's webhooks: messages, calls, and delivery statuses."""
