"""Details of a message: one absence in sixteen languages, and the rules for each kind of detail."""

from datetime import date

import pytest

from bot.base.text_normalization import NormalizedText
from bot.content.library import Library
from bot.nlu.details import Details, extract_details

TODAY = date(2026, 12, 1)
"""A Tuesday."""
ABSENCES = [
    ("en", "My son Carlos is sick, he will not come tomorrow", "Carlos", "sick", 2),
    ("es", "mi hija Ana no va a ir mañana porque tiene calentura", "Ana", "sick", 2),
    ("pt", "Minha filha Júlia está doente e não vai amanhã", "Júlia", "sick", 2),
    ("fr", "Mon fils Amadou est malade, il ne viendra pas demain", "Amadou", "sick", 2),
    ("ht", "Pitit fi mwen Nadège malad, li pap vini lekòl jodi a", "Nadège", "sick", 1),
    ("ar", "ابني محمد مريض ولن يأتي غدا", "محمد", "sick", 2),
    ("uk", "Моя донька Софія хвора, завтра не прийде", "Софія", "sick", 2),
    ("ru", "Моя дочь Маша заболела, завтра не придет", "Маша", "sick", 2),
    ("zh", "我女儿小明今天发烧不能去学校", "小明", "sick", 1),
    ("vi", "Con trai tôi Minh bị sốt hôm nay nghỉ học", "Minh", "sick", 1),
    ("fa", "پسرم علی فردا به مدرسه نمی آید چون مریض است", "علی", "sick", 2),
    ("ps", "زما لور زینب ناروغه ده نن نه راځي", "زینب", "sick", 1),
    ("so", "Wiilkayga Axmed waa jirran yahay maanta ma imanayo", "Axmed", "sick", 1),
    ("am", "ልጄ ሳራ ታማለች ነገ አትመጣም", "ሳራ", "sick", 2),
    ("tl", "May lagnat ang anak kong si Maria, hindi papasok bukas", "Maria", "sick", 2),
    ("ko", "우리 아들 민수가 아파서 내일 못 가요", "민수", "sick", 2),
]


@pytest.fixture
def schools(library: Library) -> dict[str, str]:
    return {code: school.name for code, school in library.district.schools.items()}


@pytest.fixture
def extract(library: Library, schools: dict[str, str]):  # type: ignore[no-untyped-def]
    def extract_from(text: str, language: str = "en") -> Details:
        return extract_details(NormalizedText(text), language, library.phrasebook, schools, TODAY)

    return extract_from


@pytest.mark.parametrize(("language", "text", "name", "reason", "day"), ABSENCES, ids=[row[0] for row in ABSENCES])
def test_absence_in_each_language(extract, language: str, text: str, name: str, reason: str, day: int) -> None:  # type: ignore[no-untyped-def]
    found = extract(text, language)
    assert (found.names, found.reason, found.days) == ((name,), reason, (date(2026, 12, day),))


@pytest.mark.parametrize(
    ("text", "language", "time"),
    [
        ("call me at 3:30 pm", "en", "15:30"),
        ("call after 9am", "en", "09:00"),
        ("a las 4:15 de la tarde", "es", "16:15"),
        ("à 14h30", "fr", "14:30"),
        ("下午3点", "zh", "15:00"),
        ("오후 3시", "ko", "15:00"),
        ("he is in room 204", "en", None),
        ("my 3 kids", "en", None),
        ("217-555-0134", "en", None),
        ("12/5", "en", None),
    ],
)
def test_time_needs_a_mark(extract, text: str, language: str, time: str | None) -> None:  # type: ignore[no-untyped-def]
    assert extract(text, language).time == time


@pytest.mark.parametrize(
    ("text", "language", "count"),
    [("my 3 kids", "en", 3), ("mis dos hijos", "es", 2), ("моїх двоє дітей", "uk", 2), ("route 5", "en", None)],
)
def test_number_of_children(extract, text: str, language: str, count: int | None) -> None:  # type: ignore[no-untyped-def]
    assert extract(text, language).child_count == count


def test_days_phone_school_and_place(extract) -> None:  # type: ignore[no-untyped-def]
    found = extract("Carlos from Lincoln is out Thursday and 12/7, call 217-555-0134. We live at 12 Oak Street")
    assert found.school == "lincoln" and found.phone == "+12175550134" and found.place == "12 Oak Street"
    assert found.days == (date(2026, 12, 3), date(2026, 12, 7))


def test_language_that_a_family_needs(extract) -> None:  # type: ignore[no-untyped-def]
    assert extract("I need an interpreter for Pashto on Friday").language == "ps"
    assert extract("who are you").language is None


@pytest.mark.parametrize("text", ["", "😀", "????", "a" * 5000, "12:99", "٣٣٣٣"])
def test_any_text_is_read(extract, text: str) -> None:  # type: ignore[no-untyped-def]
    assert isinstance(extract(text), Details)
