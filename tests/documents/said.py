"""Real sentences from the catalogs in every language, for pages and recordings."""

from babel.messages.pofile import read_po

from bot.base import settings

LANGUAGES = ("en", "es", "pt", "fr", "ht", "ar", "uk", "zh", "vi", "ru", "fa", "ps", "so", "am", "tl", "ko")
ANYTHING_ELSE = "Is there anything else that we can do for you?"
BUSES = "Questions about buses: 217-555-0102, on school days from 6 in the morning to 5 in the afternoon."
HOURS = (
    "School is from 8:15 to 3:10. Closings and the calendar are on riverbend.example.org. "
    "The school office can show you how to see grades."
)
STATUS = "Our district's rule: school staff do not ask about immigration status."


def translate_text(text: str, language: str) -> str:
    """Return the text in this language."""
    if language == "en":
        return text
    with (settings.ROOT / "messages" / f"{language}.po").open("rb") as catalog:
        message = read_po(catalog).get(text)
    assert message, f"{language} does not say: {text}"
    return str(message.string)
