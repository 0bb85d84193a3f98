"""Fine-tune the encoder, so that messages of one topic and of one kind of emergency get like vectors."""

from __future__ import annotations

import random
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from bot.encoder_training.network import EncoderNetwork
from bot.encoders.onnx_encoder import PADDING_ID
from bot.nlu_training.labels import LabeledPhrase

Encode = Callable[[str], list[int]]
"""Return the IDs of the pieces of a text."""

BATCH_SIZE: Final = 32
LEARNING_RATE: Final = 2.5e-4
HEAD_LEARNING_RATE: Final = 2e-3
WARM_UP_STEPS: Final = 200
_BATCHES_PER_CHUNK: Final = 40
"""Texts of like length share a batch, within a chunk of so many batches."""
_IGNORED: Final = -100


@dataclass(frozen=True)
class TrainingText:
    """Hold a text and the numbers of its topic and of its page class."""

    text: str
    topic: int
    page_class: int


def finetune(
    network: EncoderNetwork, examples: Sequence[LabeledPhrase], encode_text: Encode, epochs: int, seed: int = 0
) -> None:
    """Train all layers. Two heads predict the topic and the page class; only the network is kept."""
    torch.manual_seed(seed)
    chance = random.Random(seed)  # noqa: S311 - it varies spellings, and protects nothing
    texts, topic_count, class_count = _number_labels(examples)
    trainer = Trainer.build(network, topic_count, class_count, epochs * (len(texts) // BATCH_SIZE + 1))
    network.train()
    start_seconds = time.monotonic()
    for epoch in range(epochs):
        losses = [trainer.take_step(batch) for batch in _build_batches(texts, encode_text, chance)]
        mean_loss, seconds = sum(losses) / len(losses), time.monotonic() - start_seconds
        print(f"epoch {epoch + 1} of {epochs}: loss {mean_loss:.3f} after {seconds:.0f} s", file=sys.stderr)
    network.eval()


@dataclass(frozen=True)
class Trainer:
    """Hold the network, its heads, and what changes their weights."""

    network: EncoderNetwork
    heads: nn.Linear
    topic_count: int
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LambdaLR

    @classmethod
    def build(cls, network: EncoderNetwork, topic_count: int, class_count: int, step_count: int) -> Trainer:
        """Add the heads, and plan the learning rate over all steps."""
        heads = nn.Linear(network.norm.weight.shape[0], topic_count + class_count)
        layers = [parameter for parameter in network.parameters() if parameter.requires_grad]
        groups = [{"params": layers, "lr": LEARNING_RATE}, {"params": heads.parameters(), "lr": HEAD_LEARNING_RATE}]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _get_rate(step, step_count))
        return cls(network, heads, topic_count, optimizer, schedule)

    def take_step(self, batch: Batch) -> float:
        """Learn from one batch, and return its loss."""
        with torch.autocast("cpu", torch.bfloat16):
            vectors = self.network(batch.piece_ids, batch.attention)
        scores = self.heads(functional.dropout(vectors.float(), 0.1))
        topic_loss = functional.cross_entropy(
            scores[:, : self.topic_count], batch.topics, ignore_index=_IGNORED, label_smoothing=0.05
        )
        class_loss = functional.cross_entropy(scores[:, self.topic_count :], batch.classes, label_smoothing=0.02)
        loss = torch.nan_to_num(topic_loss) + class_loss  # a batch without a topic has no topic loss
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        return float(loss.detach())


def _get_rate(step: int, step_count: int) -> float:
    return min(1.0, (step + 1) / WARM_UP_STEPS) * max(0.0, 1 - step / max(1, step_count))


def _number_labels(examples: Sequence[LabeledPhrase]) -> tuple[list[TrainingText], int, int]:
    topics = sorted({example.intent for example in examples if example.intent})
    classes = sorted({example.page_class for example in examples})
    texts = [
        TrainingText(
            example.text,
            topics.index(example.intent) if example.intent else _IGNORED,
            classes.index(example.page_class),
        )
        for example in examples
    ]
    return texts, len(topics), len(classes)


@dataclass(frozen=True)
class Batch:
    """Hold texts of about one length as tensors."""

    piece_ids: Tensor
    attention: Tensor
    topics: Tensor
    classes: Tensor


def _build_batches(texts: Sequence[TrainingText], encode_text: Encode, chance: random.Random) -> Iterator[Batch]:
    rows = [(encode_text(vary_spelling(text.text, chance)), text) for text in texts]
    chance.shuffle(rows)
    size = BATCH_SIZE * _BATCHES_PER_CHUNK
    for start in range(0, len(rows), size):
        chunk = sorted(rows[start : start + size], key=lambda row: len(row[0]))
        groups = [chunk[first : first + BATCH_SIZE] for first in range(0, len(chunk), BATCH_SIZE)]
        chance.shuffle(groups)
        yield from map(_build_batch, groups)


def _build_batch(rows: Sequence[tuple[list[int], TrainingText]]) -> Batch:
    length = max(len(piece_ids) for piece_ids, _ in rows)
    piece_ids = torch.tensor([[*ids, *[PADDING_ID] * (length - len(ids))] for ids, _ in rows])
    topics = torch.tensor([text.topic for _, text in rows])
    classes = torch.tensor([text.page_class for _, text in rows])
    return Batch(piece_ids, (piece_ids != PADDING_ID).long(), topics, classes)


def vary_spelling(text: str, chance: random.Random) -> str:
    """Return the text as another phone could send it: without accents or marks, with a typing error, in capitals."""
    if chance.random() < 0.15:
        decomposed = unicodedata.normalize("NFD", text)
        text = "".join(char for char in decomposed if not "\u0300" <= char <= "\u036f").replace("đ", "d")
    if chance.random() < 0.15:
        text = re.sub(r"[^\w\s]", "", text)
    if chance.random() < 0.1 and len(text) > 12:
        place = chance.randrange(1, len(text) - 1)
        pair = text[place + 1] + text[place] if chance.random() < 0.5 else text[place + 1]
        text = text[:place] + pair + text[place + 2 :]
    return text.upper() if chance.random() < 0.03 else text
