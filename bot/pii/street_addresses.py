"""Find street addresses with a number in a text, in the languages of the district's families.

The search finds too much rather than too little, because a translation restores every match unchanged.
"""

import re

from bot.pii.placeholders import Span

_NUMBER = r"(?<![\w.-])\d{1,6}[a-z]?"
_CONNECTOR = (
    r"(?:the|from|of|on|in|at|a|an|to|and|by|my|your|our|this|minutes?|hours?|days?|weeks?|miles?|blocks?|kids?)"
)
_WORD = r"[^\W\d_][\w'’.-]*"
_STREET = r"(?:street|avenue|ave|road|rd|lane|ln|blvd|boulevard|parkway|pkwy|highway|hwy|terrace|trl|st|dr|ct|pl|cir)"
_UNIT = r"(?:[\s,]*(?:(?:apt|apartment|apto|apartamento|unit|suite|ste|depto|dept|кв)\b\.?\s*[#№]?|[#№])\s*\d*\w?\b)?"
_STREET_PARTICLES = r"(?:(?:de|del|la|las|los|da|do|dos|das|des|du|le|les|l['’]|d['’])\s*)*"
_STREET_NAME = rf"{_STREET_PARTICLES}{_WORD}"
_LATIN_STREET = (
    r"(?:calle|c/|avenida|av|carrera|cra|carretera|camino|calzada|callej[oó]n|paseo|rua|travessa|alameda|"
    r"rue|chemin|ri|ruelle|đường|phố|вулиця|вул|улица|ул|проспект|просп|пров|провулок|переулок|пер|бульвар)"
)

ADDRESS_PATTERNS = (
    # 123 Oak Street, 4 elm st apt 5
    re.compile(rf"{_NUMBER}\s+(?:(?!{_CONNECTOR}\b){_WORD}\s+){{1,4}}?{_STREET}\b\.?{_UNIT}", re.IGNORECASE),
    # 12 Sunny Way: words with other meanings count only after a capitalized name
    re.compile(
        rf"{_NUMBER}\s+(?:[^\W\d_a-z]\w+\s+){{1,3}}(?:Way|Drive|Court|Place|Circle|Trail|Loop|Square|Path|Run)\b"
    ),
    # Calle 5 de Mayo 123, вул. Шевченка 12, rua das Flores, nº 8
    re.compile(
        rf"(?<!\w){_LATIN_STREET}\b\.?\s+(?:\d+\s+)?{_STREET_NAME}(?:\s+{_STREET_NAME}){{0,3}}?"
        r"[\s,]*(?:#|№|nº|n°|no\.?|num\.?|número|numero|số|д\.?|буд\.?)?\s*\d{1,6}\b",
        re.IGNORECASE,
    ),
    # 12 rue de la Paix, 8 ri Kapwa
    re.compile(rf"{_NUMBER}(?:\s?bis)?,?\s+{_LATIN_STREET}\b\.?\s+{_STREET_NAME}", re.IGNORECASE),
    # 人民路123号, شارع الملك 12
    re.compile(r"[\u3400-\u9fff]{1,8}(?:街|路|大道|巷|道)\s*\d+\s*[号號]?"),
    re.compile(r"(?:شارع|خیابان|کوچه|سړک)(?:\s+[^\W\d_]+){1,3}\s*\d+"),
)


def find_addresses(text: str) -> list[Span]:
    """Return the spans of street addresses with a number."""
    return [match.span() for pattern in ADDRESS_PATTERNS for match in pattern.finditer(text)]
