"""A stand-in of Twilio's Messages and Calls APIs for tests. No test calls Twilio.

`twilio.TwilioStandIn` runs inside the test process. `process.TwilioProcess` (or `python -m tests.stand_in`) runs
beside it. `payloads` holds the webhook forms. The facts about Twilio come from its public pages and from captures,
read in November 2026. Comments mark each guess.
"""

from .answering import Heard, Line
from .calls import Call
from .inbound import Inbound, Reply
from .payloads import KINDS, STATUSES, build
from .process import TwilioProcess
from .records import Accepted, Callback, CallbackPlan, Request
from .signing import sign
from .twilio import TwilioStandIn

__all__ = [
    "KINDS",
    "STATUSES",
    "Accepted",
    "Call",
    "Callback",
    "CallbackPlan",
    "Heard",
    "Inbound",
    "Line",
    "Reply",
    "Request",
    "TwilioProcess",
    "TwilioStandIn",
    "build",
    "sign",
]
