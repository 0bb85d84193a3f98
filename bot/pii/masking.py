"""Mask what Puente must never store: official ID numbers, email addresses, immigration status, and nationality.

Families volunteer these details although nobody asks (TOPICS.md, rule 1). The program stores and shows only masked
text, and staff can still understand its topic. Phone numbers stay, because families send them for a call back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

from bot.base.text_normalization import HAN_OR_HANGUL_PATTERN, HAN_RANGES, fold_character
from bot.pii.national_origin import build_origin_pattern

PiiKind = Literal["number", "status", "email"]

MASK_TEXT: Final = "[…]"

_STATUS_WORD_LIST: Final = (
    # English
    "undocumented|illegal alien|illegal immigrant|illegals|im illegal|am illegal|are illegal|"
    "is illegal|no papers|without papers|not have papers|dont have papers|no documents|"
    "without documents|no legal status|legal status|immigration status|not legal|out of status|"
    "overstayed|visa|visas|tps|daca|dreamer|parole|parolee|u4u|green card|greencard|green cards|"
    "work permit|asylum|asylum seeker|refugee|refugees|deportation order|order of removal|"
    "immigration court|court date|citizen|citizens|citizenship|alien number|chnv|ead card|i 94|i94|"
    # Spanish
    "sin papeles|no tengo papeles|no tenemos papeles|no tiene papeles|no tengamos papeles|"
    "indocumentado|indocumentada|indocumentados|indocumentadas|sin documentos|no tengo documentos|"
    "no tenemos documentos|ilegal|ilegales|tarjeta verde|residencia permanente|permiso de trabajo|"
    "asilo|asilo politico|refugiado|refugiada|refugiados|orden de deportacion|corte de inmigracion|"
    "corte de migracion|estatus|estatus migratorio|ciudadano|ciudadana|ciudadanos|ciudadania|"
    # Haitian Creole
    "san papye|pa gen papye|pa genyen papye|papye imigrasyon|ilegal yo|kat vet|kat rezidans|"
    "pemi travay|azil|refijye|tribinal imigrasyon|estati imigrasyon|sitwayen|"
    # Portuguese
    "sem documento|sem documentos|sem papel|sem papeis|nao tenho documentos|nao temos documentos|"
    "nao tenho papeis|ilegais|meu visto|tenho visto|temos visto|sem visto|visto vencido|"
    "visto de turista|autorizacao de trabalho|refugiados|corte de imigracao|ordem de deportacao|"
    "meu status|my status|our status|cidadao|cidada|cidadania|"
    # Arabic
    "بدون اقامه|بدون اقامة|بلا اقامه|بدون اوراق|بلا اوراق|ما عندنا اوراق|ما عندي اوراق|"
    "ما عندنا اقامه|ما عندي اقامه|غير شرعي|غير شرعيين|غير قانوني|لاجئ|لاجئه|لاجئين|اللاجئين|لجوء|"
    "اللجوء|تاشيره|فيزا|الفيزا|جرين كارد|غرين كارد|البطاقه الخضراء|تصريح عمل|امر ترحيل|محكمه الهجره|"
    "حاله الهجره|bala awra2|bidun iqama|bdun iqama|"
    # Ukrainian, Russian
    "без документів|без документов|без статусу|без статуса|нелегал|нелегали|нелегалы|нелегально|"
    "нелегальна|статус|статусу|статуса|віза|візи|візу|виза|визы|визу|грін карта|грін карти|"
    "грінкарта|гринкарта|грин карта|грин карты|біженець|біженка|біженці|беженец|беженка|беженцы|"
    "притулок|пароль|пароля|паролі|парол|тпс|дозвіл на роботу|разрешение на работу|громадянство|"
    "гражданство|міграційний суд|"
    # Chinese
    "没有身份|沒有身份|没身份|沒身份|没有合法身份|没有证件|没有绿卡|没绿卡|黑户|黑戶|无证|無證|非法移民|非法居留|"
    "绿卡|綠卡|签证|簽證|庇护|庇護|难民|難民|工卡|移民法庭|递解令|遣返令|移民身份|公民|"
    # Vietnamese
    "không giấy tờ|không có giấy tờ|chưa có giấy tờ|nhập cư lậu|bất hợp pháp|ở lậu|thẻ xanh|tị nạn|tỵ nạn|"
    "giấy phép lao động|lệnh trục xuất|tòa di trú|quốc tịch|tình trạng di trú|"
    # French
    "sans papiers|sans papier|pas de papiers|clandestin|clandestine|"
    "clandestins|illegale|illegaux|en situation irreguliere|"
    "titre de sejour|carte verte|demandeur d asile|demandeuse d asile|asile|refugie|refugiee|refugies|mon visa|"
    "visa expire|permis de travail|avis d expulsion|citoyen|citoyenne|citoyens|citoyennete|"
    # Persian, Dari
    "بدون مدارک|مدارک نداریم|مدارک ندارم|بدون ویزا|ویزا|ویزام|ویزامون|"
    "غیرقانونی|غیر قانونی|اقامت|پناهنده|پناهندگی|پناهنده ایم|"
    "گرین کارت|اجازه کار|مجوز کار|حکم اخراج|شهروند|شهروندی|"
    # Pashto
    "بې اسنادو|اسناد نه لرو|اسناد نه لرم|غیرقانوني|ویزه|ویزې|"
    "پناه غوښتونکی|پناه غوښتونکي|کډوال|ګرین کارت|د کار اجازه|تبعه|"
    # Somali
    "sharci la aan|sharci laan|sharci daro|sharci darro|sharci ma haysto|sharci ma haysanno|aan sharciga lahayn|"
    "warqado la aan|warqado ma haysto|fiiso|fiisaha|fiisadii|fiisaday|qaxooti|qaxootiga|magangelyo|magangelyada|"
    "muwaadin|ogolaanshaha shaqada|"
    # Amharic
    "ያለ ወረቀት|ወረቀት የለኝም|ወረቀት የለንም|ሰነድ የለኝም|ሰነድ አልባ|ሕገወጥ|ህገወጥ|ቪዛ|ቪዛዬ|ቪዛችን|ስደተኛ|ስደተኞች|ጥገኝነት|ግሪን ካርድ|የሥራ ፈቃድ|ዜጋ|"
    # Tagalog
    "walang papel|wala kaming papel|wala akong papel|walang papeles|tnt|tago ng tago|walang visa|ilegal|"
    # Russian (what Ukrainian above does not have)
    "нет документов|нет статуса|нет визы|убежище|убежища|убежищем|тпс|виза|просроченная виза|депортационный ордер|"
    # Korean: found anywhere, like Chinese
    "불법체류|서류미비|무비자|비자|영주권|시민권|난민|망명|노동허가|추방명령|체류신분|신분이 없"
)
"""Whole words. Families can leave out accents. A wrong match costs little, because the topic is already known."""


def _collect_letter_variants() -> dict[str, str]:
    """Map each plain letter to all letters that people write for it."""
    variants: dict[str, str] = {}
    for code in (*range(0xC0, 0x250), *range(0x400, 0x500), *range(0x620, 0x6D6), *range(0x1E00, 0x1F00)):
        plain = fold_character(chr(code).casefold()) if len(chr(code).casefold()) == 1 else ""
        if len(plain) == 1 and plain.isalpha():
            variants[plain] = variants.get(plain, "") + chr(code)
    return variants


def _build_prefix_pattern(words: Iterable[str], build_letter_pattern: Callable[[str], str]) -> str:
    """Build one pattern of all these words that shares their common prefixes. The longest matching word wins.

    The regex engine then compares a word of the text with about thirty first letters, not with hundreds of words.
    """
    tree: dict[str, Any] = {}
    for word in words:
        node = tree
        for char in word:
            node = node.setdefault(char, {})
        node[""] = {}

    def build_node_pattern(node: dict[str, Any]) -> str:
        branches = [build_letter_pattern(char) + build_node_pattern(child) for char, child in node.items() if char]
        if not branches:
            return ""
        pattern = f"(?:{'|'.join(branches)})"
        return f"{pattern}?" if "" in node else pattern

    return build_node_pattern(tree)


def _build_status_pattern() -> re.Pattern[str]:
    variants = _collect_letter_variants()

    def build_letter_pattern(char: str) -> str:
        if char == " ":
            return r"[\s'’_-]{1,3}"
        if "\u0620" <= char <= "\u06d5":
            return f"[{char}{variants.get(char, '')}][\u0640\u064b-\u0652]*"
        return f"[{char}{variants[char]}]" if char in variants else re.escape(char)

    plain_words = sorted(
        {"".join(map(fold_character, word)) for word in _STATUS_WORD_LIST.split("|")}, key=len, reverse=True
    )
    spaced_words = [word for word in plain_words if not HAN_OR_HANGUL_PATTERN.match(word)]
    spaced_pattern = _build_prefix_pattern(spaced_words, build_letter_pattern)
    unspaced_pattern = "|".join(word for word in plain_words if HAN_OR_HANGUL_PATTERN.match(word))
    # Not \b: for Python, Chinese characters are letters, and "我有visa吗" has no spaces.
    edge = rf"[^\W_{HAN_RANGES}]"
    return re.compile(rf"(?<!{edge})(?:{spaced_pattern})(?!{edge})|{unspaced_pattern}", re.IGNORECASE)


_STATUS_PATTERN: Final = _build_status_pattern()
_EMAIL_PATTERN: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}\s?@\s?[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_DIGIT_PATTERN: Final = re.compile(r"\d")
_GAP_PATTERN: Final = r"[\s.\-–]?"
_PHONE_OR_DATE_PATTERN: Final = re.compile(
    rf"(?<![\w+])(?:\+?1{_GAP_PATTERN})?\(?[2-9]\d{{2}}\)?{_GAP_PATTERN}[2-9]\d{{2}}{_GAP_PATTERN}\d{{4}}(?!\d|[.-]\d)"
    rf"|(?<![\w+])\+[1-9](?:{_GAP_PATTERN}\d){{6,13}}(?!\d)"
    r"|(?<![\w.-])(?:\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d{2})|(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2})(?!\d)"
)
"""Phone numbers and dates. A date with a time after it looks like a long number."""

_LONG_NUMBER_PATTERN: Final = re.compile(
    r"(?<![^\W\d_])A[\s#:.№-]{0,3}\d(?:[\s-]?\d){7,8}(?!\d|[\s-]\d)"  # A-number
    r"|(?<![^\W_])[A-Z]{1,3}-?\d{6,11}(?![^\W_])"  # passport, receipt
    rf"|(?<!\d)\d(?:{_GAP_PATTERN}\d){{8,}}",  # SSN, card, any long run
    re.IGNORECASE,
)


def mask_pii(text: str) -> tuple[str, frozenset[str]]:
    """Return `text` with each private detail replaced by "[…]", and the kinds of details: number, email, status.

    Never raises. Masked text doesn't change if you mask it again.
    """
    kinds: set[str] = set()
    masked_text, previous_text = unicodedata.normalize("NFC", text), None
    # A mask can expose a new match next to it ("visa123456789"), so repeat until nothing changes.
    while masked_text != previous_text:
        previous_text = masked_text
        if "@" in masked_text:  # most texts have none, and the check is faster than the search
            masked_text = _replace_matches(_EMAIL_PATTERN, "email", masked_text, kinds)
        masked_text = _mask_numbers(masked_text, kinds)
        masked_text = _replace_matches(_STATUS_PATTERN, "status", masked_text, kinds)
        masked_text = _replace_matches(build_origin_pattern(), "status", masked_text, kinds)
    return masked_text, frozenset(kinds)


def _replace_matches(pattern: re.Pattern[str], kind: PiiKind, text: str, kinds: set[str]) -> str:
    masked, count = pattern.subn(MASK_TEXT, text)
    if count:
        kinds.add(kind)
    return masked


def _mask_numbers(text: str, kinds: set[str]) -> str:
    """Mask long numbers, but not phone numbers and dates."""
    if not _DIGIT_PATTERN.search(text):
        return text  # most texts have no digits
    parts: list[str] = []
    end = 0
    for match in _PHONE_OR_DATE_PATTERN.finditer(text):
        masked_part = _replace_matches(_LONG_NUMBER_PATTERN, "number", text[end : match.start()], kinds)
        parts += (masked_part, match.group())
        end = match.end()
    return "".join((*parts, _replace_matches(_LONG_NUMBER_PATTERN, "number", text[end:], kinds)))
