"""The poster: one page, every language, a code that a phone can read."""

import re

import pytest

from bot.documents import html_page
from bot.documents.poster import Poster, PosterText, arrange_columns, render_poster_pdf
from tests.documents.said import ANYTHING_ELSE, BUSES, LANGUAGES, STATUS, translate_text
from tests.documents.seen import read_codes, read_page_texts, render_in_gray

pytestmark = pytest.mark.long

LINK = "https://wa.me/12175550100?text=HOLA"


def build_poster_text(language: str) -> PosterText:
    return PosterText(language, *(translate_text(text, language) for text in (ANYTHING_ELSE, BUSES, STATUS)))


def poster(*languages: str) -> Poster:
    lines = tuple(map(build_poster_text, languages))
    return Poster("Riverbend School District", "Lincoln Elementary", lines, LINK, "+1 217-555-0100", "HOLA")


def collect_letters(text: str) -> set[str]:
    return set(re.findall(r"\w", text))


@pytest.fixture(scope="module")
def drawn(drawing: None) -> bytes:
    return render_poster_pdf(poster(*LANGUAGES))


def test_sixteen_languages_fit_one_page(drawn: bytes) -> None:
    (text,) = read_page_texts(drawn)
    for part in ("Riverbend School District", "Lincoln Elementary", "HOLA", "+1 217-555-0100", "wa.me/12175550100"):
        assert part in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_can_be_read(drawn: bytes, language: str) -> None:
    """Checks the first words. Shaped and reversed letters come back in another order, so only the set of letters
    counts.
    """
    (text,) = read_page_texts(drawn)
    title = translate_text(ANYTHING_ELSE, language)
    if language in ("ar", "fa", "ps"):
        assert len(collect_letters(title) - collect_letters(text)) <= 2
    else:
        assert title[:12] in text.replace("\r\n", " ")


def test_letters_are_at_least_nine_points(drawn: bytes) -> None:
    import pypdfium2

    boxes = pypdfium2.PdfDocument(drawn)[0].get_textpage()
    at = boxes.get_text_range().index("Español")
    _, bottom, _, top = boxes.get_charbox(at, loose=True)
    assert top - bottom >= 9


def test_code_is_readable_in_grayscale(drawn: bytes) -> None:
    assert read_codes(render_in_gray(drawn)) == [LINK]


def test_nothing_is_drawn_outside_the_margins(drawn: bytes) -> None:
    """Printers omit what is within a quarter of an inch of the edge."""
    paper = render_in_gray(drawn)
    edge = int(paper.width * 0.25 / 8.5)
    left, top, right, bottom = paper.point(lambda light: 255 if light < 200 else 0).getbbox() or (0, 0, 0, 0)
    assert edge <= left and edge <= top and right <= paper.width - edge and bottom <= paper.height - edge


def test_texts_are_escaped(drawing: None) -> None:
    nasty = PosterText("es", "<script>x</script>", "<img src=x>", "&amp;")
    (text,) = read_page_texts(render_poster_pdf(Poster("<b>D", "", (nasty,), LINK, "1", "<i>")))
    for part in ("<script>x</script>", "<img src=x>", "&amp;", "<b>D", "<i>"):
        assert part in text


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 16])
def test_columns_keep_the_order(count: int) -> None:
    lines = tuple(map(build_poster_text, LANGUAGES[:count]))
    found = arrange_columns(lines)
    assert len(found) == min(3, count)
    assert [one for column in found for one in column] == list(lines)


@pytest.mark.long
def test_too_much_text_is_refused(drawing: None) -> None:
    with pytest.raises(html_page.PageOverflowError):
        render_poster_pdf(Poster("D", "S", (PosterText("en", "t", "many words " * 1500, "s"),), LINK, "1", "W"))
