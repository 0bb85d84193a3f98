"""Files from people: flows, catalogs, the district file, rosters. Any content loads or is refused with a clear
message.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.base import settings
from bot.base.yaml_source import SourceError, parse_yaml
from bot.content.catalog import parse_po
from bot.content.district import District
from bot.flows.loader import FlowReferences, load_flows
from bot.roster import UnusableFileError
from tests.fuzz.anything import MEANINGFUL_WORDS, TEXTS, share
from tests.roster.conftest import Roster, roster

__all__ = ["roster"]
pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]

ROOT = settings.ROOT
YAML = ["&a ", "*a", "<<: *a", "!!python/object:os.system x", "!!binary aa", "? ", "- ", ": ", "{", "[", "|", ">-", "\t", "~",
        "2026-02-30", "0o7", "1_000", ".inf", "%YAML 9.9", "---", "...", "'", '"', "\x85", "\u2028", "null", "true"]  # fmt: skip
CSV = ['"', ",", ";", "\t", "\r", "\n", "\r\n", "\x00", "\ufeff", "=cmd|' /C calc'!A0", "217-555-0123", '""', "=1+1"]
ROSTERS = [
    "phone,school,language,role,tags,consent\n217-555-0123,lincoln,es,leader,bus 4,yes\n2175550145,harbor,ht,,,no\n",
    "Parent1 Cell;SCHOOL NAME;Preferred Language\n(217) 555-0123;Lincoln Elementary;Spanish\n",
    "sourcedId,name,type,identifier,status\no1,Lincoln Elementary,school,1,active\n",
    "sourcedId,status,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,phone,sms,agentSourcedIds\n"
    "u1,active,true,o1,guardian,a,,Ana,R,,2175550123,\nu2,active,true,o1,student,b,,B,R,,,u1\n",
]


def break_text(good: st.SearchStrategy[str], bits: list[str]) -> st.SearchStrategy[str]:
    """Generate a valid text with some parts cut, doubled, or overwritten."""

    @st.composite
    def one(draw: Callable[..., object]) -> str:
        text = str(draw(good))
        for _ in range(int(str(draw(st.integers(1, 4))))):
            start = int(str(draw(st.integers(0, max(0, len(text))))))
            end = min(len(text), start + int(str(draw(st.integers(0, 30)))))
            text = text[:start] + str(draw(st.one_of(st.sampled_from([*bits, *MEANINGFUL_WORDS]), TEXTS))) + text[end:]
        return text

    return one()


FLOWS = [
    path.read_text()
    for path in sorted((ROOT / "flows").glob("*.yaml"))
    if path.name not in ("facts.yaml", "texts.yaml")
]


@share(0.04)
@given(break_text(st.sampled_from(FLOWS), YAML))
def test_any_flow_file_loads_or_is_refused(text: str) -> None:
    try:
        load_flows({"flows/x.yaml": text}, FlowReferences())
    except SourceError as bad:
        assert all(problem.line > 0 and problem.message for problem in bad.problems)


@share(0.02)
@given(break_text(st.just((ROOT / "district.yaml").read_text()[:9000]), YAML))
def test_any_district_file_loads_or_is_refused(text: str) -> None:
    try:
        parse_yaml(text, "district.yaml").parse_model(District)
    except SourceError as bad:
        assert bad.problems


PO = (ROOT / "messages/es.po").read_text()


@share(0.04)
@given(break_text(st.integers(0, len(PO) - 3000).map(lambda at: PO[:800] + PO[at : at + 2200]), ['msgid ""', "msgstr[7]", "#, fuzzy", '"', "\\", "msgctxt", "nplurals=9;", "{{", "}"]))  # fmt: skip
def test_any_catalog_loads_or_is_refused(text: str) -> None:
    for data in (text.encode(), text.encode("utf-16"), text.encode("latin-1", "replace"), text.encode("utf-8")[:-1]):
        try:
            parse_po("es", data)
        except SourceError as bad:
            assert bad.problems


def test_any_roster_loads_or_is_refused(roster: Roster, tmp_path: Path) -> None:
    encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])

    @share(0.03)
    @given(break_text(st.sampled_from(ROSTERS), CSV), encodings)
    def one(text: str, encoding: str) -> None:
        try:
            roster.read(text.encode(encoding, "replace"))
        except UnusableFileError as bad:
            assert str(bad)

    one()
