"""Is this TwiML valid by Twilio's own lists? Twilio skips or misreads anything else (warning 12200).

`lists.json` was read from Twilio's library by `read_lists.py`. Lengths: https://www.twilio.com/docs/api/errors/13521 (a
`<Say>` has 3,000 bytes for a Polly voice, 5,000 for a Google voice, and 4,500 letters in an address, which is the
smallest for every script except Latin), …/11750 (64 kB per document).
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

KINDS = ("Voice", "Messaging")
NUMBER, BOOLEAN = re.compile(r"\d+(\.\d+)?"), ("true", "false")
DOCUMENT_BYTES, POLLY_BYTES, GOOGLE_BYTES, QUOTED = 64 * 1024, 3000, 5000, 4500
REQUIRED_ATTRIBUTES = {"Message": (), "Gather": ("action",), "Record": ("action",), "Say": ("voice", "language")}
"""Attributes that Twilio doesn't need but we do.

A key without its own address would play the whole menu again, and a text without a voice is read by the account's
default voice.
"""


@cache
def lists() -> Mapping[str, Any]:
    """Load Twilio's lists."""
    found: Mapping[str, Any] = json.loads(Path(__file__).with_name("lists.json").read_text(encoding="utf-8"))
    return found


def check(document: str, kind: str) -> None:
    """Raise `AssertionError` with all errors of an answer to a call ("Voice") or a text ("Messaging")."""
    found = list(find_problems(document, kind))
    assert not found, f"no TwiML for {kind}: {'; '.join(found)}\n{document}"


def find_problems(document: str, kind: str) -> Iterator[str]:
    """Yield the errors, one sentence each."""
    if len(document.encode()) > DOCUMENT_BYTES:
        yield "over 64 kB"
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError as error:
        yield f"not XML: {error}"
        return
    if root.tag != "Response":
        yield f"<{root.tag}> instead of <Response>"
    yield from _attributes(root, {}, {})
    yield from _inside(root, "Response", lists()[kind])


def _inside(parent: ElementTree.Element, element: str, listed: Mapping[str, Any]) -> Iterator[str]:
    allowed: Mapping[str, str] = listed["children"].get(element, {})
    for child in parent:
        if child.tag not in allowed:
            yield f"<{child.tag}> may not stand in <{parent.tag}>"
            continue
        yield from _attributes(child, listed["attributes"].get(allowed[child.tag], {}), listed["values"])
        yield from _said(child) if child.tag == "Say" else _address(child)
        yield from _inside(child, allowed[child.tag], listed)


def _attributes(one: ElementTree.Element, known: Mapping[str, str], values: Mapping[str, list[str]]) -> Iterator[str]:
    for name in REQUIRED_ATTRIBUTES.get(one.tag, ()):
        if name not in one.attrib:
            yield f"<{one.tag}> without {name}"
    for name, value in one.attrib.items():
        if name not in known:
            yield f"<{one.tag}> has no attribute {name}"
        elif not _fits(value, known[name], values):
            yield f"<{one.tag} {name}={value!r}>: not a {known[name]}"


def _fits(value: str, kind: str, values: Mapping[str, list[str]]) -> bool:
    if kind.endswith("[]"):
        return bool(value.split()) and all(_fits(one, kind[:-2], values) for one in value.split())
    if kind in values:
        return value in values[kind]
    if kind == "number":
        return bool(NUMBER.fullmatch(value))
    return value in BOOLEAN if kind == "boolean" else kind == "string"


def _said(say: ElementTree.Element) -> Iterator[str]:
    text, voice, language = "".join(say.itertext()), say.get("voice", ""), say.get("language", "")
    if not re.search(r"\w", text):
        yield "<Say> says nothing"
    if voice.startswith("Google.") and not voice.startswith(f"Google.{language}-"):
        yield f"the voice {voice} does not speak {language}"
    most = GOOGLE_BYTES if voice.startswith("Google.") else POLLY_BYTES
    if len(text.encode()) > most or len(quote(text)) > QUOTED:
        yield f"<Say> is too long: {len(text.encode())} bytes, {len(quote(text))} in an address"


def _address(one: ElementTree.Element) -> Iterator[str]:
    if one.tag in ("Play", "Redirect", "Media") and not (one.text or "").startswith("https://"):
        yield f"<{one.tag}> without an address"
    if one.tag == "Dial" and not len(one) and not re.fullmatch(r"\+\d{8,15}", (one.text or "").strip()):
        yield f"<Dial> without a number that can be called: {one.text!r}"
