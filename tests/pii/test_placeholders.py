"""What is replaced before a text is sent out: names and addresses in many languages, terms; errors of the glossary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.base import settings
from bot.base.yaml_source import SourceError, parse_yaml
from bot.content.glossary import GlossaryEntry, read_glossary
from bot.content.library import Library
from bot.pii.personal_names import find_names
from bot.pii.placeholders import insert_placeholders, restore_text
from bot.pii.street_addresses import find_addresses
from bot.translation.term_glossary import TermGlossary

PERSONAL_TEXTS = [
    ("en", "my name is xochitl perez and my daughter camila is sick", ["xochitl perez", "camila"]),
    ("en", "my son tenoch is sick, and tenoch will stay home", ["tenoch", "tenoch"]),
    ("en", "MY SON TENOCH IS SICK TODAY PLEASE CALL ME", ["TENOCH"]),
    ("en", "Xochitl Lopez will be late. Call Maria in May. I'm with Mrs. Smith and mr jones.", None),
    ("en", "The meeting for Ana P. Ruiz is on Monday. Student: Tenoch", ["Ana P. Ruiz", "Tenoch"]),
    ("en", "4 elm st, 12 Sunny Way, 500 N Lake Shore Dr", ["4 elm st", "12 Sunny Way", "500 N Lake Shore Dr"]),
    ("es", "Me llamo María de la Cruz y vivo en la calle 5 de Mayo 123", ["María de la Cruz", "calle 5 de Mayo 123"]),
    ("es", "mi hijo tenoch no va. La Sra. Robles sabe", ["tenoch", "Robles"]),
    ("pt", "Meu nome é Luana Batista, Rua das Flores, nº 8", ["Luana Batista", "Rua das Flores, nº 8"]),
    ("fr", "Je m'appelle Aïssatou Diallo, 12 rue de la Paix", ["Aïssatou Diallo", "12 rue de la Paix"]),
    ("ht", "Mwen rele Widline Joseph, pitit mwen Jameson malad", ["Widline Joseph", "Jameson"]),
    ("uk", "Мене звати Олена Ковальчук, мій син Тарас хворіє. вул. Шевченка 12", ["Олена Ковальчук", "Тарас", "вул. Шевченка 12"]),
    ("ru", "Меня зовут егор, мой сын Мирон болеет", ["егор", "Мирон"]),
    ("vi", "Tôi tên là Nguyễn Văn An, con tôi Minh bị ốm", ["Nguyễn Văn An", "Minh"]),
    ("zh", "我叫张伟，我的孩子Maria今天生病", ["张伟", "Maria"]),
    ("ar", "اسمي محمد علي وابني مريض", ["محمد علي"]),
    ("so", "magacaygu waa Axmed Cali, wiilkayga waa xanuunsan yahay", ["Axmed Cali"]),
]  # fmt: skip
HARMLESS_TEXTS = [
    ("en", "My son feels sick and has fever. My name is not important."),
    ("en", "Please do NOT come on Monday. ICE is here. I'm OK, and I speak Spanish."),
    ("en", "Please Come To The Office On Friday And Sign The Form"),
    ("es", "Mi hijo mayor no va a ir el Lunes. ¿Puede Usted llamar?"),
    ("ru", "Как Вас зовут? Спасибо Вам"),
    ("de", "Meine Tochter ist in der Schule und hat Fieber"),
    ("zh", "今天学校开门吗"),
]


def find_personal_data(text: str, language: str) -> list[str]:
    return insert_placeholders(text, [*find_names(text, language), *find_addresses(text)])[1]


@pytest.mark.parametrize(("language", "text", "wanted"), PERSONAL_TEXTS)
def test_names_and_addresses_are_replaced(language: str, text: str, wanted: list[str] | None) -> None:
    assert find_personal_data(text, language) == (wanted or ["Xochitl Lopez", "Maria", "Smith", "jones"])


@pytest.mark.parametrize(("language", "text"), HARMLESS_TEXTS)
def test_other_words_are_kept(language: str, text: str) -> None:
    assert find_personal_data(text, language) == []


@given(st.text(), st.sampled_from(["en", "es", "de", "zh", "xx", ""]))
def test_any_text_round_trips(text: str, language: str) -> None:
    bare, kept = insert_placeholders(text, [*find_names(text, language), *find_addresses(text)])
    assert restore_text(bare, kept) == text


@given(st.lists(st.sampled_from(["[[0]]", "[[", "]]", "［", "5", "{a}", "Ana Ruiz", "[…]", " "])).map("".join))
def test_typed_brackets_round_trip(text: str) -> None:
    bare, kept = insert_placeholders(text, find_names(text, "en"))
    again, outer = insert_placeholders(bare)
    assert restore_text(restore_text(again, outer) or "", kept) == text


def test_every_glossary_term_is_found_and_translated(library: Library) -> None:
    glossary = TermGlossary(library.glossary.terms, library.glossary.names)
    for name in ("IEP", "Title I", "PTA", "Chromebook", "superintendent", "McKinney-Vento", "hall pass", "Ana Ruiz"):
        assert glossary.find_spans(f"See {name}, please", "en", "es") == [(4, 4 + len(name))], name
    assert glossary.get_replacement("Hall pass", "en", "es") == "Pase de pasillo"
    assert glossary.get_replacement("consejera escolar", "es", "en") == "counselor"
    assert not glossary.find_spans("el niño y la idea", "es", "en"), "capitals matter"
    assert not glossary.find_spans("a hall pass", "en", "vi"), "no wording: the machine's"


def test_terms_without_surrounding_spaces_are_found() -> None:
    glossary = TermGlossary({"counselor": GlossaryEntry(say={"zh": ("辅导员",)})})
    assert glossary.find_spans("请找辅导员谈", "zh", "en") == [(2, 5)]


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("terms:\n  IEP: {}\n", "2:3", "write either 'keep: true', or 'say:'"),
        ("terms:\n  IEP: {keep: true}\n  PTA: {keep: true, also: [IEP]}\n", "3:3", "already under 'IEP': keep one"),
        ("terms:\n  tardy: {say: {english: late}}\n", "2:17", "as its code"),
        ("terms:\n  tardy: {sya: {es: tarde}}\n", "2:11", "write 'say'"),
    ],
)
def test_glossary_error_names_place_and_remedy(text: str, place: str, says: str) -> None:
    with pytest.raises(SourceError) as bad:
        read_glossary(parse_yaml(text, "messages/glossary.yaml"))
    assert f"messages/glossary.yaml:{place}: " in str(bad.value) and says in str(bad.value), bad.value


def test_example_glossary_covers_school_terms() -> None:
    file = settings.ROOT / "messages/glossary.yaml"
    assert len(read_glossary(parse_yaml(file.read_text(encoding="utf-8"), "messages/glossary.yaml"))) >= 40
