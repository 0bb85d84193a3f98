"""The shipped files, compiled once for all tests of this folder."""

from pathlib import Path

import pytest
import yaml

from bot.encoders.selection import connect_encoder
from bot.nlu import NluContext, Phrasebook, SignalFile
from bot.nlu.model import MODEL_FILENAME, load_model
from bot.nlu_training.dataset import TrainingData, read_training_data

FLOWS = Path(__file__).parents[2] / "flows"
LANGUAGES = ("en", "es", "ht", "pt", "ar", "uk", "zh", "vi")


@pytest.fixture(scope="session")
def files() -> dict[str, SignalFile]:
    return {
        path.stem: SignalFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        for path in sorted((FLOWS / "signals").glob("*.yaml"))
    }


@pytest.fixture(scope="session")
def lessons() -> TrainingData:
    return read_training_data(FLOWS)


@pytest.fixture(scope="session")
def phrasebook(files: dict[str, SignalFile]) -> Phrasebook:
    return Phrasebook.build(files, connect_encoder(load_model(FLOWS / MODEL_FILENAME), "", FLOWS))


@pytest.fixture(scope="session")
def context(phrasebook: Phrasebook) -> NluContext:
    return NluContext(phrasebook, LANGUAGES)
