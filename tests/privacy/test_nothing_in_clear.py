"""A day's traffic through real processes, then a search for family words in every store: no plain text.

Database file and its log, Valkey's append-only file and every key, RQ's compressed jobs, the processes' logs, metrics.
"""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from bot.messaging import erasure
from bot.roster.importer import RosterImportOptions, import_files
from tests.faults.line import Line, running
from tests.privacy.searching import files, find_words, list_encodings, list_number_formats, values
from tests.stand_in import sign
from tests.stand_in.twilio import TwilioStandIn  # noqa: F401  # what a line talks to
from tests.store.reading import newest_cases

pytestmark = [pytest.mark.long, pytest.mark.timeout(420)]

PHONES = [f"+1217555{number:04d}" for number in range(4300, 4320)]
NAMES = ["Quillonette", "Zebulonka", "Мирославченко", "阮文测试", "محمودالدين"]
TEXTS = ["landlord broke the kitchen window", "mi primo vive en la calle Cipresales", "я боюсь ходить через парк"]
STATUS = ["undocumented", "indocumentado", "overstayed my visa", "没有身份", "no tengo papeles"]
TOKEN = "for-prometheus-alone"
ANA, SAFETY = "+12175550131", "+12175550130"


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    """Real processes use the real clock."""
    yield


def test_search_finds_each_encoding() -> None:
    for word in ("+12175554300", "Quillonette", "没有身份"):
        for name, way in list_encodings(word).items():
            assert find_words(b"before" + way + b"after", [word]), (word, name)
    import base64
    import zlib

    for shift in range(3):
        text = b"x" * shift + b"my name is Quillonette and so on"
        assert find_words(base64.b64encode(text), ["Quillonette"]), shift
    assert find_words(b"\0\0" + zlib.compress(b"for Quillonette") + b"\0", ["Quillonette"])


def simulate_day(line: Line) -> None:
    """Families of all kinds: in several languages, with names, status, emergencies, absences, opt-outs, questions."""
    for number, phone in enumerate(PHONES):
        address = phone if number % 2 else f"whatsapp:{phone}"
        name, text = NAMES[number % len(NAMES)], TEXTS[number % len(TEXTS)]
        line.tell(address, ("english", "español", "english", "русский")[number % 4] if number % 4 != 3 else "english")
        line.tell(address, f"I want to talk to a person, my name is {name}, {text}", ProfileName=name)
        line.tell(address, f"I am {STATUS[number % len(STATUS)]} and {text}")
        line.tell(address, f"my daughter {name} is sick today and will not come")
        line.tell(address, "1")
        line.tell(address, f"call me at {phone} please, {name}")
        if number % 5 == 0:
            line.tell(address, f"ICE is at my door right now, {name} is crying")
            line.tell(address, "yes, the children are inside")
        if number % 6 == 0:
            line.tell(address, "PRIVACY")
        if number % 7 == 0:
            line.tell(address, "STOP")
    line.tell(f"whatsapp:{PHONES[0]}", "", MessageType="audio", NumMedia="1", MediaContentType0="audio/ogg",
              MediaUrl0=f"https://api.twilio.com/2010-04-01/Accounts/{line.twilio.account_sid}/Messages/MM1/Media/ME9")  # fmt: skip


def call_as_family(line: Line, phone: str, words: str) -> None:
    """Call, speak through Twilio's speech recognition, and request the text."""
    path, form = "/webhooks/twilio/voice", {"CallSid": f"CA{uuid4().hex}", "From": phone, "Direction": "inbound"}
    for said in ({}, {"Digits": "1"}, {"SpeechResult": words}, {"SpeechResult": "delete my data"}, {"Digits": "1"}):
        url = f"{line.public}{path}"
        given = {**form, "To": "+12175550100", "AccountSid": line.twilio.account_sid, **said}
        answer = requests.post(
            url, given, headers={"X-Twilio-Signature": sign(line.twilio.auth_token, url, given)}, timeout=15
        )
        assert answer.status_code == 200, answer.text
        on = re.search(r'action="([^"]+)"', answer.text)
        path = html.unescape(on[1]).removeprefix(line.public) if on else path


def send_invalid_requests(line: Line) -> None:
    """Send forged or oversized forms: the logs must not repeat their content."""
    for number, phone in enumerate(PHONES[:4]):
        words = {"From": phone, "Body": f"{NAMES[number]} {TEXTS[number % len(TEXTS)]}", "MessageSid": "SM1"}
        url = f"{line.public}/webhooks/twilio/messages"
        requests.post(url, words, timeout=15)
        requests.post(f"{url}?from={phone}", words, headers={"X-Twilio-Signature": "forged"}, timeout=15)
        requests.post(url, {**words, "Body": NAMES[number] * 200_000}, timeout=15)
        requests.get(f"{line.public}/console/cases/{NAMES[number]}?number={phone}", timeout=15)


def work_as_staff(line: Line) -> None:
    """Claim a case by text and reply; import a roster; erase one family; let another erase itself."""
    with line.runtime() as runtime:
        with runtime.database.read() as db:
            newest = newest_cases(db, 50)
        for case in newest[:4]:
            line.tell(ANA, f"TAKE {case.id}")
            line.tell(ANA, f"{case.id} dear {NAMES[0]}, {TEXTS[0]}? I will call you")
        roster = line.var / "roster-of-the-test.csv"
        rows = "\n".join(f"{phone},lincoln,yes" for phone in PHONES[5:15])
        roster.write_text(f"phone,school,consent\n{rows}\n")
        import_files(runtime, [roster], RosterImportOptions(), lambda _found: None)
        roster.unlink()
        assert erasure.erase_by_address(runtime, PHONES[1], "ana_ruiz")
    line.tell(f"whatsapp:{PHONES[2]}", "delete my data")
    assert "deleted" in line.tell(f"whatsapp:{PHONES[2]}", "1")


def list_planted_words() -> list[str]:
    words = [*NAMES, *TEXTS, *STATUS]
    for phone in PHONES:
        words += list_number_formats(phone)
    return words


def test_no_plain_text_remains_after_a_full_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_TOKEN", TOKEN)
    folder = tmp_path.resolve()
    with running(folder) as line:
        simulate_day(line)
        call_as_family(line, PHONES[16], f"my name is {NAMES[1]} and {TEXTS[1]}, I am {STATUS[0]}")
        send_invalid_requests(line)
        work_as_staff(line)
        with line.runtime() as runtime:
            line.until(lambda: not runtime.redis.llen("rq:queue:urgent"), 60)
            hits = [(key, hit) for key, held in values(runtime.redis) for hit in find_words(held, list_planted_words())]
            assert hits == [], "in Redis"
            assert sum(1 for _ in runtime.redis.scan_iter()) > 30, "there was something to search"
        shown = (
            requests.get(f"{line.public}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10).content
            + json.dumps(requests.get(f"{line.public}/readyz", timeout=10).json()).encode()
        )
        assert b"puente_cases_open" in shown and find_words(shown, list_planted_words()) == [], "in metrics"
        assert search_stores(folder) == [], "while it runs"
    assert search_stores(folder) == [], "after it has stopped"


def search_stores(folder: Path) -> list[tuple[str, tuple[str, str]]]:
    kinds, hits = set(), []
    for path, data in files(folder):
        if path.name in ("district.yaml", "keys.json"):
            continue  # the district file contains staff and no family
        kinds.add(path.suffix or path.name)
        hits += [(str(path.relative_to(folder)), hit) for hit in find_words(data, list_planted_words())]
    assert {".db", ".log", ".aof"} <= kinds, f"the stores were searched: {kinds}"
    return hits
