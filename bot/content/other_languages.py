"""Languages beyond the catalogs: families choose one by its name, and a machine drafts it (docs/decisions).

The codes are those that Google Translate knows and Unicode's CLDR has an English name for, written down here so that
nothing is asked of the network to understand "Swahili".  Mam, K'iche' and Q'anjob'al are left out on purpose: few of
their speakers read them, and a machine's Mam has been checked by nobody; who names them is offered an interpreter.
"""

from bot.content.languages import english_name, own_name
from bot.understanding.text import normalise

_CODES = (
    "ace ach af ak as ay az bal ban be bem bg bho bik bm bn bs ca ceb chk ckb co crs cs cy da de din doi dv el "
    "et eu ff fi fj fo fon fur fy ga gaa gd gl gn gu ha haw he hi hil hmn hr hu hy iba id ig ilo is it ja jam "
    "jv ka kac kha kk km kn kri ku ky lb lg ln lo lt luo lus lv mai mfe mg mh mi min mk ml mn mr ms mt my ne "
    "new nl no nso nus ny oc om or pa pag pam pap pl qu rn ro rom rw sa sat sd sg shn si sk sl sm sn sq sr ss "
    "st su sus sv sw ta te tet tg th ti tiv tk tn to tpi tr ts tt tum ug ur uz ve war wo xh yi yo yue zu"
)
CODES = tuple(_CODES.split())
SHORTEST_NAME = 4
"""Shorter names ("Fon", "Ga") are words of other languages: they count only after "language"."""
ALSO = {
    "burmese": "my",
    "tigrigna": "ti",
    "hmoob": "hmn",
    "kinyarwanda": "rw",
    "kirundi": "rn",
    "wolof": "wo",
    "kiswahili": "sw",
}


def names(known: frozenset[str]) -> dict[str, str]:
    """Name as a family may type it (normalised) → code, for every language that has no catalog in `known`."""
    found: dict[str, str] = {}
    for code in CODES:
        if code not in known:
            for name in (english_name(code), own_name(code)):
                if len(normalise(name)) >= SHORTEST_NAME:
                    found.setdefault(normalise(name), code)
    return {**found, **{name: code for name, code in ALSO.items() if code not in known}}
