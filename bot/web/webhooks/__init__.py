"""What Twilio calls: messages, voice calls, and delivery statuses."""
