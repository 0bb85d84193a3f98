"""Explain in plain words why a message did not arrive, and what staff can do (codes: twilio.md, section 2)."""

ERROR_EXPLANATIONS = {
    21610: "This person opted out with the phone company (STOP). Call instead.",
    21211: "This isn't a valid phone number. Ask the family for the right one.",
    21614: "This number can't get texts. Call instead.",
    21612: "This number can't be reached by text. Call instead.",
    21408: "Texts to this country are turned off. Ask an administrator to turn them on.",
    30003: "The phone is off or out of range. Try again later, or call.",
    30004: "The phone blocks our texts. Call instead.",
    30005: "This number is no longer in use. Ask the family for the right one.",
    30006: "This is a landline or can't get texts. Call instead.",
    30007: "The phone company blocked this text as spam. Change the wording and remove links.",
    30008: "The phone company gave no reason. Try again.",
    63003: "This number isn't on WhatsApp. Send an SMS instead.",
    63013: "WhatsApp rejected this text. Change the wording.",
    63016: "WhatsApp is closed because the family last wrote more than 24 hours ago. Send an SMS instead.",
    63024: "This number can't get WhatsApp messages. Send an SMS instead.",
    63033: "The family blocked us on WhatsApp. Call instead.",
}
UNKNOWN_ERROR_EXPLANATION = "Not delivered, for an unknown reason. Try again, or call."
DELIVERY_STATE_LABELS = {
    "waiting": "Sending",
    "claimed": "Sending",
    "unknown": "Sending. We are checking the delivery status.",
    "queued": "Sent",
    "accepted": "Sent",
    "scheduled": "Sent",
    "sending": "Sent",
    "sent": "Sent",
    "delivered": "Delivered",
    "read": "Read",
    "held": "Not sent because we can't message this family now",
    "canceled": "Not sent because it was no longer needed",
}
CALL_OUTCOME_LABELS = {
    "answered": "A person answered.",
    "machine": "Voicemail answered and took the message.",
    "busy": "The line was busy. We try up to three times.",
    "no answer": "No answer. We try up to three times.",
}
"""The outcome of a call: who answered, or why there was no answer."""
FAILED_STATES = frozenset({"failed", "undelivered"})
RETRYABLE_STATES = FAILED_STATES | {"held"}
