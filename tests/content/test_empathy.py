"""C1a: the first text a frightened family reads takes its fear seriously, in every language, before any information."""

import re

import pytest

from bot.content.library import Library
from bot.flow_tests.harness import FlowTestHarness, compute_default_time
from bot.flows.model import Plural

EMPATHY_OPENINGS = {
    "fear_attendance": "Your fear makes sense.",
    "family_detained": "I am so sorry.",
    "mental_health": "Thank you for telling us.",
    "safety_rumor": "Thank you for telling us. It is frightening",
    "school_ice_policy": "It is normal to worry about this.",
    "immigration_case": "I understand that this weighs on you.",
    "know_your_rights": "It is normal to want to be prepared.",
    "right_to_school": "Your child is welcome",
    "bullying_discrimination": "I am sorry.",
    "family_plan": "Making a plan is a loving thing to do.",
}
"""The topics of families in fear, and how their first text begins in English.  Emergencies are not here: 911 comes
first there (TOPICS.md, rule 3; tests/content/test_content_rules.py)."""


@pytest.mark.parametrize("name", sorted(EMPATHY_OPENINGS))
def test_flow_opens_by_naming_the_fear_before_any_fact(library: Library, name: str) -> None:
    flow = library.flows.flows[name]
    first = flow.steps[flow.first_step]
    assert not first.fact and not first.find and first.media is None
    (opening, *_) = first.say
    assert isinstance(opening, str) and opening.startswith(EMPATHY_OPENINGS[name])
    for language in set(library.district.languages) - {"en"}:
        wording = library.catalogs.find_text(language, opening)
        assert not wording.is_missing and wording.text != opening, language


@pytest.mark.parametrize("name", sorted(EMPATHY_OPENINGS))
def test_opening_fits_a_phone_preview(library: Library, name: str) -> None:
    opening = library.flows.flows[name].steps[library.flows.flows[name].first_step].say[0]
    assert not isinstance(opening, Plural)
    for language in library.district.languages:
        stage = FlowTestHarness(library, language, "sms", compute_default_time(library))
        stage.start_topic(name)
        shown = library.catalogs.translate(language, opening).split("{")[0]
        assert shown and stage.reply.replace("\u2068", "").replace("\u2069", "").startswith(shown), language


CHECKED, YEAR = re.compile(r"[(（][^()（）]*2026[^()（）]*[)）]"), re.compile(r"20\d\d")
LIST = "Prairie Legal Aid, 217-555-0160"


@pytest.mark.parametrize(
    "words",
    ["did they end TPS, what do we do", "U4U parole was cancelled, what do we do now", "me van a quitar el TPS, ¿qué hago?",
     "¿cuándo se acaba el parole humanitario?", "коли закінчується U4U, що нам робити", "когда заканчивается U4U, что делать",
     "TPS la fini, kisa pou m fè", "TPS 什么时候结束，我们怎么办"],
)  # fmt: skip
def test_ending_programs_get_legal_list_without_dates(library: Library, words: str) -> None:
    """C1c: no advice, no echo of the program's name, nothing stored."""
    stage = FlowTestHarness(library, "en", "sms", compute_default_time(library))
    stage.receive_text(words)
    reached = [(reach.flow, reach.step) for reach in stage.reached_steps]
    assert ("immigration_case", "rule") in reached and LIST in stage.reply and not stage.cases
    for program in ("TPS", "U4U", "parole", "Parole"):
        assert program not in stage.reply
    assert not YEAR.search(CHECKED.sub("", stage.reply)), "no day but that of the check"
