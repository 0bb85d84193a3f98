"""The stand-in's files: they need the password, can be on a CDN, and can be deleted once."""

import requests

from tests.stand_in import TwilioStandIn
from tests.stand_in.media import CDN_HOST


def test_a_file_is_behind_the_password_and_gone_when_deleted() -> None:
    with TwilioStandIn() as twilio:
        file = twilio.media.put(b"OggS")
        url = twilio.url + file.url.removeprefix("https://api.twilio.com")
        auth = (twilio.account_sid, twilio.auth_token)
        assert requests.get(url, timeout=5).status_code == 401
        response = requests.get(url, auth=auth, timeout=5)
        assert response.content == b"OggS" and response.headers["Content-Type"] == "audio/ogg"
        assert requests.delete(f"{url}.json", auth=auth, timeout=5).status_code == 204
        assert requests.delete(f"{url}.json", auth=auth, timeout=5).status_code == 404


def test_the_cdn_wants_no_password() -> None:
    with TwilioStandIn() as twilio:
        file = twilio.media.put(b"OggS", cdn=True)
        url = twilio.url + file.url.removeprefix("https://api.twilio.com")
        auth = (twilio.account_sid, twilio.auth_token)
        response = requests.get(url, auth=auth, timeout=5, allow_redirects=False)
        assert response.status_code == 307 and response.headers["Location"].startswith(CDN_HOST)
        cdn_url = twilio.url + response.headers["Location"].removeprefix(CDN_HOST)
        assert requests.get(cdn_url, auth=auth, timeout=5).status_code == 400
        assert requests.get(cdn_url, timeout=5).content == b"OggS"
