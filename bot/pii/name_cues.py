"""Define the cues before a personal name, in the languages of the families: "my name is", "Mrs.", "mi hijo … no va"."""

import re

LETTER_PATTERN = r"[A-Za-z\u00c0-\u024f\u0300-\u036f\u0400-\u052f\u1e00-\u1eff]"
"""A letter of a script with capitals: Latin or Cyrillic."""
TITLE_PATTERN = re.compile(
    r"\b(?:mrs?|ms|mx|mme|mlle|sra?|srta|dra|profa)\b\.?\s+"
    r"|\b(?:dr|prof|m|st|sta|rev|coach|madan|msye|mèt)\b\.?\s+(?-i:(?=[^\W\d_a-z]))",
    re.IGNORECASE,
)
"""A title. The titles of the second group are also ordinary words, so they count only before a capital."""
INTRODUCTION_PATTERN = re.compile(
    r"(?<!\w)(?:names?\s+(?:is|are)|names?:|name['’]s|is\s+(?:called|named)|named|i\s+am\s+called"  # English
    r"|me\s+llamo|se\s+llaman?|nombre\s+es|nombre:|llamad[oa]"  # Spanish
    r"|me\s+chamo|chamo-me|se\s+chama|nome\s+(?:é|e)"  # Portuguese
    r"|[ms]['’\s]appellent?|[ms]['’\s]appelle|(?:pr[ée])?nom\s+est"  # French
    r"|(?:m|mwen|li|yo)\s+rele|non\s+(?:m|mwen|li|pitit\s+mwen)\s+se"  # Haitian Creole
    r"|зовут|звати|звуть|имя|ім['’ʼ]я"  # Russian, Ukrainian
    r"|tên(?:\s+(?:tôi|là|em|con|cháu))*|pangalan(?:\s+(?:ko|niya|ng\s+anak\s+ko))?(?:\s+ay)?"  # Vietnamese, Tagalog
    r"|magac\w*\s+(?:waa|wuu|way)|ስሜ|ስሙ|ስሟ|ስም|이름은|이름이"  # Somali, Amharic, Korean
    r"|اسمي|اسمه|اسمها|اسم\s+\w+|اسمم|نامم|نام\s+\w+|نوم\s+(?:مې|یې|مو)|زما\s+نوم)[\s:,]+",  # Arabic, Persian, Pashto
    re.IGNORECASE,
)
CHINESE_CUE_PATTERN = re.compile(r"(?:[我他她]|儿子|女儿|孩子|名字|名)(?:叫做?|是叫)\s*|名字是\s*|姓名[:：]\s*")
CHINESE_NAME_PATTERN = re.compile(
    r"[\u3400-\u9fff]{2,3}?(?=[我他她你您在是的今明想要有和，。,.！!？?\s]|$)|[\u3400-\u9fff]{2,3}"
)
_NAME_SLOT = rf"\s+({LETTER_PATTERN}+)(?:\s+({LETTER_PATTERN}+))?(?=\s+"
KIN_PATTERN = re.compile(
    r"\b(?:my|our|his|her)\s+"
    r"(?:son|daughter|child|kid|boy|girl|baby|brother|sister|husband|wife|nephew|niece|cousin)"
    rf"{_NAME_SLOT}(?:is|was|has|had|will|needs|can|cannot|did|does|(?:ca|did|does|is|wo)n['’]t)\b)"
    r"|\b(?:mi|nuestr[oa]|su)\s+(?:hij[oa]|niñ[oa]|bebé|herman[oa]|espos[oa]|sobrin[oa]|niet[oa]|prim[oa])"
    rf"{_NAME_SLOT}(?:es|está|esta|tiene|fue|va|no|se|estaba|necesita|quiere|puede|ya)\b)",
    re.IGNORECASE,
)
"""A child or relative, one or two words, and a verb. The words between are a name if they aren't ordinary words."""
