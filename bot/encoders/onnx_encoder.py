"""Encode texts with an ONNX model and its SentencePiece vocabulary, on one core, without any network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from sentencepiece import SentencePieceProcessor

from bot.nlu.encoder import EncoderError, FloatArray, normalize_rows

MODEL_FILENAME: Final = "model.onnx"
VOCABULARY_FILENAME: Final = "sentencepiece.bpe.model"
CHECKSUM_FILENAME: Final = "SHA256SUMS"
MAX_TOKENS: Final = 128
"""The end of a longer text is cut off. Sentences are also encoded one by one, so nothing stays unread."""
START_ID, PADDING_ID, END_ID, UNKNOWN_ID = 0, 1, 2, 3
"""The special IDs of XLM-R, the family of E5 and BGE-M3. The other IDs are those of SentencePiece plus one."""


class OnnxEncoder:
    """Run `model.onnx` of a folder. Its inputs are `input_ids` and `attention_mask`, and its first output the vectors.

    If the output has a vector for each token (batch, tokens, numbers), the encoder takes their mean. The vocabulary is
    one of the XLM-R family.
    """

    def __init__(self, folder: Path) -> None:
        self.fingerprint = check_folder(folder)
        try:
            self._vocabulary = SentencePieceProcessor(model_file=str(folder / VOCABULARY_FILENAME))
            self._session = onnxruntime.InferenceSession(
                str(folder / MODEL_FILENAME), _build_options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # both libraries raise bare exceptions
            raise EncoderError(f"{folder} can't be loaded: {error}") from None
        self._input_names = {model_input.name for model_input in self._session.get_inputs()}

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Return one normalized row for each text."""
        rows = [self._split_text(text) for text in texts]
        length = max(map(len, rows))
        piece_rows = np.full((len(rows), length), PADDING_ID, dtype=np.int64)
        for number, row in enumerate(rows):
            piece_rows[number, : len(row)] = row
        attention = (piece_rows != PADDING_ID).astype(np.int64)
        inputs = {"input_ids": piece_rows, "attention_mask": attention, "token_type_ids": np.zeros_like(attention)}
        output = self._session.run(None, {name: inputs[name] for name in self._input_names})[0]
        if output.ndim == 3:
            weights = attention[:, :, None].astype(np.float32)
            output = (output * weights).sum(axis=1) / weights.sum(axis=1)
        return normalize_rows(output.astype(np.float32))

    def _split_text(self, text: str) -> list[int]:
        valid_text = text.encode("utf-8", "replace").decode()  # half a surrogate pair is no valid text
        piece_ids = self._vocabulary.encode(valid_text)[: MAX_TOKENS - 2]
        return [START_ID, *(piece_id + 1 if piece_id else UNKNOWN_ID for piece_id in piece_ids), END_ID]


def check_folder(folder: Path) -> str:
    """Compare the files with `SHA256SUMS`, and return one fingerprint for all of them.

    Raises:
        EncoderError: a file is missing, or it has changed.
    """
    try:
        lines = (folder / CHECKSUM_FILENAME).read_text().split("\n")
    except OSError:
        raise EncoderError(f"{folder}/{CHECKSUM_FILENAME} is missing: create it with sha256sum") from None
    expected = {name.lstrip(" *"): checksum for checksum, _, name in (line.partition(" ") for line in lines) if name}
    for name in (MODEL_FILENAME, VOCABULARY_FILENAME):
        if expected.get(name) != _compute_checksum(folder / name):
            raise EncoderError(f"{folder / name} doesn't match {CHECKSUM_FILENAME}: copy the folder again")
    return hashlib.sha256("".join(f"{name} {expected[name]}\n" for name in sorted(expected)).encode()).hexdigest()


def _compute_checksum(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _build_options() -> onnxruntime.SessionOptions:
    """Use one core and no reserve of memory, because many processes of one machine each load the model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return options
