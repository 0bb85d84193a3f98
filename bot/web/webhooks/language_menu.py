"""The spoken list of languages: each by itself and in its own voice, eight at a time."""

from dataclasses import replace
from urllib.parse import urlencode

from twilio.twiml.voice_response import VoiceResponse

from bot.base.language_names import get_english_name, get_own_name
from bot.content.catalog import SOURCE_LANGUAGE
from bot.runtime import Services
from bot.speech.utterances import pieces
from bot.web.webhooks.call_state import Call
from bot.web.webhooks.twiml_speech import SECONDS

PAGE = 8
MORE, PERSON = "9", "0"
TIMES = 2


def ask(call: Call, page: int) -> VoiceResponse:
    """One page of the list.  A language that nothing here speaks is named in English, in an English sentence.  The
    address of the answer holds at which turn it was asked, and how many pages nobody has answered."""
    shown, more = page_of(call.services, page)
    document, known = VoiceResponse(), {"turn": call.turn, "l": call.language, "silent": call.silences}
    where = {"page": page} | {name: value for name, value in known.items() if value}
    gather = document.gather(
        num_digits=1, timeout=SECONDS, action=f"{call.base}?{urlencode(where)}", method="POST", finish_on_key="",
        action_on_empty_result=True,
    )  # fmt: skip
    in_english = replace(call, language=SOURCE_LANGUAGE)
    lines = [(in_english, call.services.library.district.name)]
    lines += [_line(call, language, str(digit)) for digit, language in enumerate(shown, 1)]
    lines += [(in_english, in_english.text("voice_more_languages", digit=MORE))] if more else []
    lines.append((in_english, f"For a person, press {PERSON}."))
    for named, text in lines:
        named.speaker([text]).say(gather, text)
    return document


def _line(call: Call, language: str, digit: str) -> tuple[Call, str]:
    own = replace(call, language=language)
    text = own.text("voice_choose", digit=digit)
    if own.speaker([text]).can_say([text]):
        return own, text
    return replace(call, language=SOURCE_LANGUAGE), f"{get_english_name(language)}: press {digit}."


def is_written(call: Call, reply: str) -> bool:
    """Whether this reply is the list as texts have it: one voice cannot read the names of all languages."""
    names = tuple(get_own_name(language) for language in call.services.library.district.languages)
    return tuple(piece.text for piece in pieces(reply) if piece.key not in ("", PERSON)) == names


def heard_out(call: Call) -> bool:
    """Whether nobody has answered the whole list, said as often as any question is."""
    return call.silences >= TIMES * -(-len(call.services.library.district.languages) // PAGE)


def page_of(services: Services, page: int) -> tuple[tuple[str, ...], bool]:
    """The languages of a page (after the last comes the first again), and whether there are others."""
    languages = services.library.district.languages
    pages = max(1, -(-len(languages) // PAGE))
    start = (page % pages) * PAGE
    return languages[start : start + PAGE], pages > 1
