"""The stand-in's files: behind the password, moved to a CDN, deleted once."""

import requests

from tests.stand_in import TwilioStandIn
from tests.stand_in.media import CDN_HOST


def test_a_file_is_behind_the_password_and_gone_when_deleted() -> None:
    with TwilioStandIn() as twilio:
        kept = twilio.media.put(b"OggS")
        url, auth = (
            twilio.url + kept.url.removeprefix("https://api.twilio.com"),
            (twilio.account_sid, twilio.auth_token),
        )
        assert requests.get(url, timeout=5).status_code == 401
        found = requests.get(url, auth=auth, timeout=5)
        assert found.content == b"OggS" and found.headers["Content-Type"] == "audio/ogg"
        assert requests.delete(f"{url}.json", auth=auth, timeout=5).status_code == 204
        assert requests.delete(f"{url}.json", auth=auth, timeout=5).status_code == 404


def test_the_cdn_wants_no_password() -> None:
    with TwilioStandIn() as twilio:
        kept = twilio.media.put(b"OggS", cdn=True)
        url, auth = (
            twilio.url + kept.url.removeprefix("https://api.twilio.com"),
            (twilio.account_sid, twilio.auth_token),
        )
        moved = requests.get(url, auth=auth, timeout=5, allow_redirects=False)
        assert moved.status_code == 307 and moved.headers["Location"].startswith(CDN_HOST)
        there = twilio.url + moved.headers["Location"].removeprefix(CDN_HOST)
        assert requests.get(there, auth=auth, timeout=5).status_code == 400
        assert requests.get(there, timeout=5).content == b"OggS"
