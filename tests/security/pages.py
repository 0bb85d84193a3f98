"""The console as a careful attacker reads it: every linked page, every form, and their content."""

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from flask.testing import FlaskClient

EXCLUDED_PATHS = (
    "/console/logout",
    "/console/account",
    "/console/people/do",
    "/console/login",
    "/console/people/password",
)
"""Forms that would end the session or the login of the user."""
FILES, OF_A_KIND = re.compile(r"\.(csv|pdf|png|mp3|ogg|ics)\b|/flyer|/handouts/"), 3
LOADS = ("src", "href", "action", "formaction", "poster", "data", "srcdoc", "hx-get", "hx-post")
NOT_TEXT = ("hidden", "checkbox", "radio", "submit", "file", "password")
VALID = {"date": "2026-12-10", "datetime-local": "2026-12-10T17:00", "time": "17:00", "number": "3", "month": "2026-12"}


@dataclass
class Form:
    action: str
    method: str
    hidden: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    """Name → type of each text field."""


@dataclass
class ParsedPage(HTMLParser):
    """One parsed page: what runs or loads in it, its links, its forms, and its words."""

    path: str

    def __post_init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.links: set[str] = set()
        self.forms: list[Form] = []
        self.words = ""
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if tag == "form":
            self.forms.append(Form(urljoin(self.path, given.get("action") or self.path), given.get("method", "get")))
        if "href" in given and tag == "a":
            self.links.add(urljoin(self.path, given["href"]).split("#")[0])
        if self.forms and given.get("name"):
            self._field(tag, given)
        if tag == "option" and self._select and (given.get("value") or "selected" in given):
            self.forms[-1].hidden.setdefault(self._select, given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        self._select = "" if tag == "select" else self._select

    def _field(self, tag: str, given: dict[str, str]) -> None:
        form, name, kind = self.forms[-1], given["name"], given.get("type", "text")
        if tag == "select":
            self._select = name
        elif tag == "textarea" or (tag == "input" and kind not in NOT_TEXT):
            form.texts[name] = "text" if tag == "textarea" else kind
        elif tag in ("input", "button"):
            form.hidden.setdefault(name, given.get("value", "on"))

    def handle_data(self, data: str) -> None:
        self.words += data

    @property
    def dangers(self) -> list[str]:
        """Return what would run, load from elsewhere, or turned user text into an element."""
        found = [f"<{tag}>" for tag, _ in self.elements if tag.startswith("xss")]
        for tag, given in self.elements:
            found += [f"<{tag} {name}>" for name in given if name.startswith("on") or name in ("style", "srcdoc")]
            found += [f"<{tag} {name}={given[name]}>" for name in LOADS if _elsewhere(tag, given.get(name, ""))]
            found += ["<script> of its own"] if tag == "script" and "src" not in given else []
        return found


def _elsewhere(tag: str, address: str) -> bool:
    scheme = re.sub(r"[\s\x00-\x20]", "", urlsplit(address).scheme if ":" in address else "").lower()
    if tag == "a":
        return scheme not in ("", "http", "https", "tel", "mailto", "sms")
    return scheme not in ("", "data") or address.startswith("//")


def get_page(client: FlaskClient, path: str) -> ParsedPage | None:
    """Return the parsed page; None for other content."""
    answer = client.get(path, follow_redirects=True)
    page = ParsedPage(path)
    shown = answer.mimetype == "text/html"
    if shown:
        page.feed(answer.text)
    answer.close()
    return page if shown else None


def crawl(client: FlaskClient, start: list[str]) -> list[ParsedPage]:
    """Return every kind of console page that is linked from these, and a few of each kind."""
    waiting, known, kinds = list(start), set(start), Counter(map(kind_of, start))
    found = []
    while waiting:
        page = get_page(client, waiting.pop(0))
        if page is None:
            continue
        found.append(page)
        for link in sorted(page.links - known):
            if link.startswith("/console/") and not link.startswith(EXCLUDED_PATHS) and not FILES.search(link):
                known.add(link)
                kinds[kind_of(link)] += 1
                waiting += [link] if kinds[kind_of(link)] <= OF_A_KIND else []
    return found


def kind_of(link: str) -> str:
    """Return the address without numbers, keys, languages, and query values."""
    parts = urlsplit(link)
    return (
        re.sub(r"/([0-9a-f]{8,}|\d+|[a-z]{2,3})(?=/|$)", "/1", parts.path)
        + "?"
        + "&".join(re.findall(r"(\w+)=", parts.query))
    )


def submit_form(client: FlaskClient, form: Form, text: str, link: str) -> int:
    """Send the form with this text in every text field; return the status."""
    if form.method.lower() != "post" or form.action.startswith(EXCLUDED_PATHS):
        return 0
    given = {name: _value(name, kind, text, link) for name, kind in form.texts.items()}
    answer = client.post(form.action, data={**form.hidden, **given})
    answer.close()
    return answer.status_code


def _value(name: str, kind: str, text: str, link: str) -> str:
    if kind in VALID:
        return VALID[kind]
    if kind == "url" or name in ("link", "website"):
        return link
    return "+12175550155" if kind == "tel" or "phone" in name or name == "dial_in" else text
