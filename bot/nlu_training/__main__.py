"""Run `python -m bot.nlu_training`: train on `flows/phrases` and `flows/concepts`, and write `flows/taught.npz`."""

import sys
import time

from bot.base.settings import ROOT
from bot.nlu.concepts import Lexicon
from bot.nlu.model import MODEL_FILENAME, NluModel, compute_fingerprint, save_model
from bot.nlu_training import train
from bot.nlu_training.dataset import read_training_data


def main() -> int:
    """Train the model. Return 1 and print the reason if a file is invalid."""
    flows, start_seconds = ROOT / "flows", time.monotonic()
    try:
        training_data = read_training_data(flows)
        intent_by_phrase = training_data.map_phrases_to_intents()
        lexicons = {lang: Lexicon.build(lang, words) for lang, words in training_data.concepts.items()}
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    nlu_model = NluModel(
        topic_weights=train.train_topic_weights(training_data.phrases, lexicons),
        net=train.train_topic_net(training_data.phrases, lexicons),
        language_weights=train.train_language_weights(training_data.phrases),
        lexicons=lexicons,
        intent_by_phrase=intent_by_phrase,
        fingerprint=compute_fingerprint(flows),
    )
    save_model(flows / MODEL_FILENAME, nlu_model, training_data.concepts)
    size_megabytes = (flows / MODEL_FILENAME).stat().st_size / 1e6
    elapsed_seconds = time.monotonic() - start_seconds
    result = f"Trained on {len(training_data.phrases)} phrases in {elapsed_seconds:.0f} s"
    print(f"{result}: flows/{MODEL_FILENAME}, {size_megabytes:.1f} MB", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
