"""Run `python -m bot.nlu_training`: train on `flows/`, and write `flows/taught.npz`.

With `--encoder`, it trains for another encoder: a folder, or the address of a server on the district's network.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from bot.base.settings import ROOT
from bot.content.library import read_signal_files
from bot.encoders.selection import open_encoder
from bot.nlu.concepts import Lexicon
from bot.nlu.encoder import PROBE_TEXTS, Encoder, EncoderError
from bot.nlu.ensemble import Ensemble
from bot.nlu.model import MODEL_FILENAME, NluModel, PageThresholds, compute_fingerprint, save_model
from bot.nlu.phrasebook import Phrasebook
from bot.nlu.types import NluContext
from bot.nlu_training import train
from bot.nlu_training.dataset import TrainingData, read_training_data
from bot.nlu_training.labels import LabeledPhrase
from bot.nlu_training.thresholds import choose_thresholds, score_examples
from bot.nlu_training.train import ExampleSet, build_example_set

UNTUNED = PageThresholds(0.5, 0.5, 0.5)


@click.command()
@click.option("--encoder", "setting", default="", help="A folder or an address, as in the setting ENCODER.")
def main(setting: str) -> None:
    """Train the models, and choose their weights and thresholds on the tuning examples."""
    flows, start_seconds = ROOT / "flows", time.monotonic()
    try:
        training_data = read_training_data(flows)
        nlu_model = train_model(training_data, open_encoder(setting, flows), flows)
    except (ValueError, EncoderError) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    save_model(flows / MODEL_FILENAME, nlu_model, training_data.concepts)
    size_megabytes = (flows / MODEL_FILENAME).stat().st_size / 1e6
    count = len(training_data.phrases) + len(training_data.examples)
    elapsed_seconds = time.monotonic() - start_seconds
    click.echo(f"Trained on {count} messages in {elapsed_seconds:.0f} s: {size_megabytes:.1f} MB", err=True)
    click.echo(f"Weights {nlu_model.topics.mix} and {nlu_model.pages.mix}, {nlu_model.thresholds}", err=True)


def train_model(training_data: TrainingData, encoder: Encoder, flows: Path) -> NluModel:
    """Train all models on the training part, and choose weights and thresholds on the tuning part."""
    intent_by_phrase = training_data.map_phrases_to_intents()
    lexicons = {lang: Lexicon.build(lang, words) for lang, words in training_data.concepts.items()}
    labeled_phrases = (*training_data.phrases, *training_data.examples)
    examples = build_example_set(labeled_phrases, lexicons, encoder)
    tuning = build_example_set(training_data.tuning_examples, lexicons, encoder)
    nlu_model = NluModel(
        topics=_train_topics(examples, tuning),
        pages=train.train_ensemble(examples, _list_classes(examples), tuning, _list_classes(tuning)),
        language_weights=train.train_language_weights(training_data.phrases),
        lexicons=lexicons,
        intent_by_phrase=intent_by_phrase,
        thresholds=UNTUNED,
        plain_thresholds=UNTUNED,
        fingerprint=compute_fingerprint(flows),
        encoder_fingerprint=encoder.fingerprint,
        probe_vectors=encoder.encode(PROBE_TEXTS),
        encoder=encoder,
    )
    return _tune_thresholds(nlu_model, training_data.tuning_examples, flows)


def _train_topics(examples: ExampleSet, tuning: ExampleSet) -> Ensemble:
    chosen, chosen_tuning = (
        group.select([row for row, phrase in enumerate(group.texts) if phrase.intent]) for group in (examples, tuning)
    )
    labels, tuning_labels = (
        [phrase.intent for phrase in group.texts if phrase.intent] for group in (chosen, chosen_tuning)
    )
    return train.train_ensemble(chosen, labels, chosen_tuning, tuning_labels)


def _list_classes(examples: ExampleSet) -> list[str]:
    return [phrase.page_class for phrase in examples.texts]


def _tune_thresholds(nlu_model: NluModel, tuning_examples: Sequence[LabeledPhrase], flows: Path) -> NluModel:
    thresholds: Mapping[bool, PageThresholds] = {}
    for has_encoder in (True, False):
        used_model = nlu_model if has_encoder else replace(nlu_model, encoder=None)
        phrasebook = Phrasebook.build(read_signal_files(flows / "signals"), used_model)
        context = NluContext(phrasebook, tuple(nlu_model.lexicons))
        thresholds = {**thresholds, has_encoder: choose_thresholds(score_examples(tuning_examples, context))}
    return replace(nlu_model, thresholds=thresholds[True], plain_thresholds=thresholds[False])


if __name__ == "__main__":
    main()
