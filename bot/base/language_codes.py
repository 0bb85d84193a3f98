"""Check language codes in files, such as `es`, `zh`, or `ht`. A code that CLDR does not know is an error."""

from typing import Annotated

from babel import Locale, UnknownLocaleError
from pydantic import AfterValidator


def _check_language(code: str) -> str:
    try:
        Locale.parse(code)
    except (ValueError, UnknownLocaleError):
        raise ValueError("write a language as its code, such as es or zh") from None
    return code


Language = Annotated[str, AfterValidator(_check_language)]
