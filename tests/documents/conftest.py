"""Skip drawing and speech tests with a message if this machine lacks the programs."""

import pytest

from bot.documents import html_page
from bot.speech import text_to_speech
from tests.databases import skip_or_fail
from tests.documents.said import ANYTHING_ELSE, LANGUAGES, translate_text


@pytest.fixture(scope="session")
def drawing() -> None:
    """Pango, and fonts for every language."""
    texts = [html_page.build_element("p", translate_text(ANYTHING_ELSE, language), language) for language in LANGUAGES]
    try:
        html_page.render_pdf(html_page.build_document("", texts[0] + "".join(texts[1:]), "en"))
    except html_page.RendererUnavailableError as missing:
        skip_or_fail(str(missing))


@pytest.fixture(scope="session")
def speaking() -> None:
    if not text_to_speech.find_spoken_languages():
        skip_or_fail("This test needs espeak-ng and ffmpeg: on Debian and Ubuntu, `sudo apt install espeak-ng ffmpeg`.")
