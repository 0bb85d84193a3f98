"""Find where a family is from. Families often volunteer it, but Puente never needs or stores it (TOPICS.md, rule 1).

It finds statements about a person in English, Spanish, Portuguese, and French ("we are from Honduras", "soy
hondureña"). The name of a country without such a statement (homework, a trip, ice cream) stays.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from babel import Locale

_ORIGIN_PHRASES: Final = {
    "en": (r"(?:from|born\s+in|citizens?\s+of)\s+(?:the\s+)?",),
    "es": (
        r"(?:soy|somos|es|son|era|vengo|venimos|viene|vienen|vine|vinimos)\s+(?:de|desde)\s+(?:l[ao]s?\s+|el\s+)?",
        r"(?:llegu[eé]|llegamos)\s+(?:de|desde)\s+(?:l[ao]s?\s+|el\s+)?",
        r"nac(?:[ií]|i[oó]|imos|ieron|id[oa]s?)\s+en\s+(?:l[ao]s?\s+|el\s+)?",
    ),
    "pt": (
        r"(?:sou|somos|[eé]|s[aã]o|venho|viemos|vim|veio|vieram)\s+d[eoa]s?\s+",
        r"nasc(?:i|eu|emos|eram)\s+n?[eoa][ms]?\s+",
    ),
    "fr": (
        r"(?:suis|sommes|est|sont|viens|venons|vient|viennent)\s+(?:d['’]|de\s+l['’]|d(?:e|u|es)\s+)(?:la\s+)?",
        r"n[eé]e?s?\s+(?:en|au|aux|à)\s+",
    ),
}
_DEMONYMS: Final = {
    "en": "guatemalan|honduran|salvadoran|salvadorian|mexican|venezuelan|haitian|cuban|colombian|ecuadorian|nicaraguan|"
    "dominican|peruvian|bolivian|brazilian|ukrainian|russian|afghan|somali|syrian|iraqi|iranian|congolese|chinese|"
    "vietnamese|filipino|filipina|ethiopian|eritrean|sudanese|burmese|nepali|indian|pakistani",
    "es": "guatemaltec[oa]|hondureñ[oa]|salvadoreñ[oa]|mexican[oa]|venezolan[oa]|haitian[oa]|cuban[oa]|colombian[oa]|"
    "ecuatorian[oa]|nicarag[uü]ense|dominican[oa]|peruan[oa]|bolivian[oa]|brasileñ[oa]",
    "pt": "brasileir[oa]|venezuelan[oa]|haitian[oa]|cuban[oa]|angolan[oa]|caboverdian[oa]|cabo-verdian[oa]",
    "fr": "ha[iï]tien(?:ne)?|congolais(?:e)?|camerounais(?:e)?|ivoirien(?:ne)?|guin[eé]en(?:ne)?|malien(?:ne)?",
}
_TO_BE_PATTERNS: Final = {
    "en": r"(?:i\s*a?['’]?m|we\s*a?['’]?re|(?:s?he|family|kids|husband|wife|parents)\s+(?:is|are))\s+(?:an?\s+)?",
    "es": r"(?:soy|somos|es|son)\s+(?:una?\s+)?",
    "pt": r"(?:sou|somos|[eé]|s[aã]o)\s+(?:uma?\s+)?",
    "fr": r"(?:suis|sommes|est|sont)\s+(?:une?\s+)?",
}
DOMESTIC_COUNTRY_CODES: Final = frozenset({"US", "UM", "PR"})
"""Countries that stay in the text, because an origin in the United States reveals nothing harmful."""


@lru_cache(maxsize=1)
def build_origin_pattern() -> re.Pattern[str]:
    """Build the pattern that finds "from Honduras" and "soy hondureña"."""
    parts = []
    for language, phrases in _ORIGIN_PHRASES.items():
        parts.append(rf"(?:{'|'.join(phrases)})(?:{_build_country_pattern(language)})")
        parts.append(rf"(?:{_TO_BE_PATTERNS[language]})(?:{_DEMONYMS[language]})s?")
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", re.IGNORECASE)


def _build_country_pattern(language: str) -> str:
    territories = Locale.parse(language).territories
    names = [
        name
        for code, name in territories.items()
        if len(code) == 2 and code.isalpha() and code not in DOMESTIC_COUNTRY_CODES
    ]
    spellings = {name.split(" (")[0] for name in names} | {name.replace("é", "e").replace("í", "i") for name in names}
    return "|".join(re.escape(name) for name in sorted(spellings, key=len, reverse=True))
