"""Cut the vocabulary to the pieces that Puente's languages need, and write it as a SentencePiece model."""

from __future__ import annotations

import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

proto: Any = sentencepiece_model_pb2
"""The format of SentencePiece's files. It is generated code without types."""
SPECIAL_COUNT: Final = 4
"""The pieces for start, padding, end, and unknown come first."""
PIECES_PER_SCRIPT: Final = {
    "LATIN": 17_000,
    "CYRILLIC": 5_500,
    "CJK": 8_500,
    "ARABIC": 5_500,
    "HANGUL": 2_500,
    "ETHIOPIC": 3_000,
    "none": 1_200,
}
"""How many of the most frequent pieces of each script stay. Pieces in the training messages stay in any case."""
_UNKNOWN_TYPE, _CONTROL_TYPE, _NORMAL_TYPE = 2, 3, 1


def select_pieces(pieces: Sequence[str], scores: Sequence[float], texts: Iterable[str]) -> list[int]:
    """Return the rows of the pieces to keep, in order. The source lists its pieces by frequency."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=build_vocabulary(pieces, scores))
    kept = set(range(SPECIAL_COUNT))
    kept |= {piece_id + 1 for text in texts for piece_id in processor.encode(text) if piece_id}
    counts: Counter[str] = Counter()
    for row, piece in enumerate(pieces[SPECIAL_COUNT:], SPECIAL_COUNT):
        script = find_script(piece)
        if piece == piece.lower() and counts[script] < PIECES_PER_SCRIPT.get(script, 0):
            counts[script] += 1
            kept.add(row)
    return sorted(kept)


def find_script(piece: str) -> str:
    """Return the script of most letters, as Unicode names it, or "none"."""
    names = Counter(unicodedata.name(char, "?").split()[0] for char in piece if char.isalpha())
    return names.most_common(1)[0][0] if names else "none"


def build_vocabulary(pieces: Sequence[str], scores: Sequence[float]) -> bytes:
    """Return a SentencePiece model with these pieces. It reads texts in lowercase and in Unicode's NFKC form."""
    model = proto.ModelProto()
    model.normalizer_spec.CopyFrom(_build_normalizer())
    for piece, kind in (("<unk>", _UNKNOWN_TYPE), ("<s>", _CONTROL_TYPE), ("</s>", _CONTROL_TYPE)):
        model.pieces.add(piece=piece, score=0, type=kind)
    for piece, score in zip(pieces[SPECIAL_COUNT:], scores[SPECIAL_COUNT:], strict=True):
        model.pieces.add(piece=piece, score=score, type=_NORMAL_TYPE)
    model.trainer_spec.unk_id, model.trainer_spec.bos_id, model.trainer_spec.eos_id = 0, 1, 2
    model.trainer_spec.pad_id = -1
    model.trainer_spec.vocab_size = len(model.pieces)
    return bytes(model.SerializeToString())


def _build_normalizer() -> Any:
    """Return SentencePiece's own rule for NFKC and lowercase. Only its trainer writes it, so train a tiny model."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d e f g h"] * 50),
        model_writer=written,
        vocab_size=15,
        normalization_rule_name="nmt_nfkc_cf",
        hard_vocab_limit=False,
        minloglevel=2,
    )
    model = proto.ModelProto()
    model.ParseFromString(written.getvalue())
    return model.normalizer_spec
