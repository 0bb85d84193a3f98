"""The spoken language menu: each language in its own voice, eight on a page."""

from dataclasses import replace
from urllib.parse import urlencode

from twilio.twiml.voice_response import VoiceResponse

from bot.base.language_names import get_english_name, get_own_name
from bot.content.catalog import SOURCE_LANGUAGE
from bot.runtime import Runtime
from bot.speech.utterances import split_utterances
from bot.web.webhooks.call_state import CallState
from bot.web.webhooks.twiml_speech import ANSWER_TIMEOUT_SECONDS

LANGUAGES_PER_PAGE = 8
MORE_KEY, PERSON_KEY = "9", "0"
MENU_READ_COUNT = 2


def ask_language(call: CallState, page: int) -> VoiceResponse:
    """Say one page of the menu and wait for a key. English names each language that has no voice and no recording.

    The callback URL holds the turn, the language, and the number of pages without an answer.
    """
    languages, has_other_pages = get_page(call.runtime, page)
    document, state_fields = VoiceResponse(), {"turn": call.turn, "l": call.language, "silent": call.silences}
    query_fields = {"page": page} | {name: value for name, value in state_fields.items() if value}
    gather = document.gather(
        num_digits=1,
        timeout=ANSWER_TIMEOUT_SECONDS,
        action=f"{call.callback_base_url}?{urlencode(query_fields)}",
        method="POST",
        finish_on_key="",
        action_on_empty_result=True,
    )
    english_call = replace(call, language=SOURCE_LANGUAGE)
    lines = [(english_call, call.runtime.library.district.name)]
    lines += [_build_line(call, language, str(digit)) for digit, language in enumerate(languages, 1)]
    if has_other_pages:
        lines.append((english_call, english_call.render_text("voice_more_languages", digit=MORE_KEY)))
    lines.append((english_call, f"For a person, press {PERSON_KEY}."))
    for line_call, text in lines:
        line_call.build_speaker([text]).say_text(gather, text)
    return document


def _build_line(call: CallState, language: str, digit: str) -> tuple[CallState, str]:
    language_call = replace(call, language=language)
    text = language_call.render_text("voice_choose", digit=digit)
    if language_call.build_speaker([text]).can_say([text]):
        return language_call, text
    return replace(call, language=SOURCE_LANGUAGE), f"{get_english_name(language)}: press {digit}."


def is_language_menu(call: CallState, reply: str) -> bool:
    """Return whether this reply is the language menu of text messages. One voice can't say the names in it."""
    names = [get_own_name(language) for language in call.runtime.library.district.languages]
    choices = [utterance.text for utterance in split_utterances(reply) if utterance.key not in ("", PERSON_KEY)]
    return choices == names


def is_exhausted(call: CallState) -> bool:
    """Return whether the caller heard every page as often as any question, without an answer."""
    return call.silences >= MENU_READ_COUNT * -(-len(call.runtime.library.district.languages) // LANGUAGES_PER_PAGE)


def get_page(runtime: Runtime, page: int) -> tuple[tuple[str, ...], bool]:
    """Return the languages of a page, and whether there are other pages. The first page follows the last."""
    languages = runtime.library.district.languages
    page_count = max(1, -(-len(languages) // LANGUAGES_PER_PAGE))
    start = (page % page_count) * LANGUAGES_PER_PAGE
    return languages[start : start + LANGUAGES_PER_PAGE], page_count > 1
