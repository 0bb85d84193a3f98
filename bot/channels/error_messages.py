"""Why a message did not arrive, in plain words, with what the office can do (codes: twilio.md, section 2)."""

ERROR_EXPLANATIONS = {
    21610: "This person has told the phone company STOP. Call instead.",
    21211: "This is not a phone number. Ask the family for the right one.",
    21614: "This number cannot get texts. Call instead.",
    21612: "This number cannot be reached by text. Call instead.",
    21408: "Texts to this country are not switched on. Tell your administrator.",
    30003: "The phone is off or out of reach. Try again later, or call.",
    30004: "The phone blocks our texts. Call instead.",
    30005: "Nobody has this number any more. Ask the family for the right one.",
    30006: "This is a landline or cannot get texts. Call instead.",
    30007: "The phone company filtered it out. Change the words and leave out links.",
    30008: "The phone company does not say why. Try once more.",
    63003: "This number is not on WhatsApp. Send it by SMS.",
    63013: "WhatsApp did not allow this text. Change the words.",
    63016: "WhatsApp is closed: the family last wrote more than 24 hours ago. It can go by SMS.",
    63024: "This number cannot get WhatsApp messages. Send it by SMS.",
    63033: "The family has blocked this number on WhatsApp. Call instead.",
}
UNKNOWN_ERROR_EXPLANATION = "It did not arrive, and nobody says why. Try once more, or call."
DELIVERY_STATE_LABELS = {
    "waiting": "On its way",
    "claimed": "On its way",
    "unknown": "On its way; we ask whether it was taken",
    "queued": "Sent",
    "accepted": "Sent",
    "scheduled": "Sent",
    "sending": "Sent",
    "sent": "Sent",
    "delivered": "Arrived",
    "read": "Read",
    "held": "Not sent: this family cannot be written to now",
    "canceled": "Not sent: it was not needed any more",
}
CALL_OUTCOME_LABELS = {
    "answered": "Somebody answered.",
    "machine": "A machine answered and took the message.",
    "busy": "The line was busy. It rings three times in all.",
    "no answer": "Nobody answered. It rings three times in all.",
}
"""Who answered a call, or why nobody did."""
FAILED_STATES = frozenset({"failed", "undelivered"})
RETRYABLE_STATES = FAILED_STATES | {"held"}
