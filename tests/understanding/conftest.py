"""The phrase files as they ship, compiled once for all tests of this folder."""

from pathlib import Path

import pytest
import yaml

from bot.understanding import Context, Phrasebook, PhraseFile

FOLDER = Path(__file__).parents[2] / "flows" / "phrases"
LANGUAGES = ("en", "es", "ht", "pt", "ar", "uk", "zh", "vi")


@pytest.fixture(scope="session")
def files() -> dict[str, PhraseFile]:
    return {
        lang: PhraseFile.model_validate(yaml.safe_load((FOLDER / f"{lang}.yaml").read_text(encoding="utf-8")))
        for lang in LANGUAGES
    }


@pytest.fixture(scope="session")
def phrasebook(files: dict[str, PhraseFile]) -> Phrasebook:
    return Phrasebook.build(files)


@pytest.fixture(scope="session")
def context(phrasebook: Phrasebook) -> Context:
    return Context(phrasebook, LANGUAGES)
