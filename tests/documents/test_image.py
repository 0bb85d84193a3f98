"""The picture to forward: any text length fits, the file is small, and its code is readable."""

import re
from dataclasses import replace
from datetime import date

import pytest

from bot.content import dates
from bot.documents import html_page
from bot.documents import image as documents_image
from bot.documents.image import AnnouncementImage, render_image_png
from tests.documents.said import ANYTHING_ELSE, BUSES, HOURS, LANGUAGES, STATUS, translate_text
from tests.documents.seen import open_png, read_codes, read_page_texts

pytestmark = pytest.mark.long

LINK = "https://puente.test/n/7KQ2-XM4P"


def build_image(language: str, text: str = "", machine: str = "") -> AnnouncementImage:
    sent, until = (dates.format_full_date(date(2026, month, 4), language) for month in (11, 12))
    check = translate_text(ANYTHING_ELSE, language)
    return AnnouncementImage(
        language, "Riverbend", text or translate_text(HOURS, language), sent, until, check, LINK, machine
    )


def build_long_text(language: str, length: int = 900) -> str:
    whole = "\n".join(translate_text(text, language) for text in (HOURS, BUSES, STATUS))
    return (f"{whole}\n" * (length // len(whole) + 1))[:length].strip()


@pytest.mark.parametrize("language", ["zh", *(pytest.param(code, marks=pytest.mark.long) for code in ("ar", "am"))])
def test_nine_hundred_characters_fit(drawing: None, language: str) -> None:
    png = render_image_png(build_image(language, build_long_text(language), translate_text(STATUS, language)))
    image = open_png(png)
    assert image.width == 1080 < image.height <= 2400
    assert len(png) < 1_000_000
    assert read_codes(image) == [LINK]


@pytest.mark.long
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_fits_short_and_long(drawing: None, language: str) -> None:
    short, full = (open_png(render_image_png(build_image(language, text))) for text in ("", build_long_text(language)))
    assert 1080 == short.width < short.height < full.height
    assert read_codes(short) == read_codes(full) == [LINK]


def test_image_contains_all_parts(drawing: None) -> None:
    """The text of the drawn page contains the last valid day, the way to check, and the notice."""
    shapes = [
        documents_image._build_html(build_image("vi", build_long_text("vi"), "Máy dịch"), *shape)
        for shape in documents_image.IMAGE_LAYOUTS
    ]
    (text,) = read_page_texts(html_page.render_fitting_pdf(shapes))
    for part in ("Riverbend", "4 tháng 12, 2026", "4 tháng 11, 2026", "Máy dịch", "puente.test/n/7KQ2-XM4P"):
        assert part in text
    said_there, whole = (re.sub(r"\s", "", one) for one in (build_long_text("vi"), text))
    assert said_there in whole


def test_texts_are_escaped() -> None:
    html = documents_image._build_html(
        replace(build_image("es", "<script>1"), district="<b>", check="<i>", link="https://a.test/?<u>"), 40, 1350
    )
    assert not re.search(r"<(script|b|i|u)>", html)


def test_link_is_left_to_right_in_persian() -> None:
    assert '<p class="link" dir="ltr">puente.test/n/7KQ2-XM4P</p>' in documents_image._build_html(
        build_image("fa"), 40, 1350
    )


@pytest.mark.long
def test_very_long_text_is_refused(drawing: None) -> None:
    with pytest.raises(html_page.PageOverflowError):
        render_image_png(build_image("en", "word " * 2000))
