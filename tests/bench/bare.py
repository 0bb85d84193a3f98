"""The baseline for the webhook: the signature, one `SET NX`, and TwiML; nothing else."""

import os

from flask import Flask, Response, abort, request
from redis import Redis
from twilio.request_validator import RequestValidator
from twilio.twiml.messaging_response import MessagingResponse

app = Flask(__name__)
redis = Redis.from_url(os.environ["REDIS_URL"])
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])


@app.post("/webhooks/twilio/messages")
def messages() -> Response:
    """Reply to any signed request."""
    if not validator.validate(
        os.environ["PUBLIC_URL"] + request.path, request.form, request.headers["X-Twilio-Signature"]
    ):
        abort(403)
    redis.set(f"bare:{request.form['MessageSid']}", "1", nx=True, ex=60)
    document = MessagingResponse()
    document.message("Hello. This is the automated helper of Riverbend Public Schools.")
    return Response(str(document), mimetype="text/xml")
