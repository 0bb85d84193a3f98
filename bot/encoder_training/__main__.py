"""Run `python -m bot.encoder_training`: fine-tune the encoder, and write `flows/encoder/`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click
import sentencepiece

from bot.base.settings import ROOT
from bot.encoder_training.export import export_network
from bot.encoder_training.finetune import finetune
from bot.encoder_training.network import EncoderNetwork
from bot.encoder_training.source_weights import find_weights, read_source_model
from bot.encoder_training.vocabulary import build_vocabulary, select_pieces
from bot.encoders.onnx_encoder import (
    CHECKSUM_FILENAME,
    END_ID,
    MAX_TOKENS,
    MODEL_FILENAME,
    START_ID,
    UNKNOWN_ID,
    VOCABULARY_FILENAME,
)
from bot.encoders.selection import BUILT_IN_FOLDER
from bot.nlu_training.dataset import read_training_data


@click.command()
@click.option("--epochs", default=6, help="How often the training reads all messages. 0 keeps the original model.")
def main(epochs: int) -> None:
    """Fine-tune the encoder on the training examples. This takes about an hour on two cores."""
    training_data = read_training_data(ROOT / "flows")
    examples = (*training_data.phrases, *training_data.examples)
    source = read_source_model(find_weights())
    rows = select_pieces(source.pieces, source.scores, (example.text for example in examples))
    vocabulary = build_vocabulary([source.pieces[row] for row in rows], [source.scores[row] for row in rows])
    processor = sentencepiece.SentencePieceProcessor(model_proto=vocabulary)

    def encode_text(text: str) -> list[int]:
        piece_ids = processor.encode(text)[: MAX_TOKENS - 2]
        return [START_ID, *(piece_id + 1 if piece_id else UNKNOWN_ID for piece_id in piece_ids), END_ID]

    network = EncoderNetwork(source, rows)
    finetune(network, examples, encode_text, epochs)
    folder = ROOT / "flows" / BUILT_IN_FOLDER
    folder.mkdir(exist_ok=True)
    export_network(network, folder / MODEL_FILENAME)
    (folder / VOCABULARY_FILENAME).write_bytes(vocabulary)
    _write_checksums(folder)
    click.echo(f"{len(rows)} pieces, trained on {len(examples)} messages. Now run 'make teach'.", err=True)


def _write_checksums(folder: Path) -> None:
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in (MODEL_FILENAME, VOCABULARY_FILENAME)
    ]
    (folder / CHECKSUM_FILENAME).write_text("".join(lines))


if __name__ == "__main__":
    main()
