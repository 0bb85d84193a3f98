"""Define the network of multilingual-e5-small in PyTorch, for fine-tuning."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from bot.encoder_training.source_weights import FloatArray, SourceModel

HEADS: Final = 12
EPSILON: Final = 1e-12
DROPOUT: Final = 0.1
_MODULE_NAMES: Final = ("q", "k", "v", "ao", "fi", "fo", "aln", "oln")


class EncoderLayer(nn.Module):
    """One layer: attention between the pieces of a text, and then two dense layers for each piece."""

    def __init__(self, hidden: int, inner: int) -> None:
        super().__init__()
        self.q, self.k, self.v, self.ao = (nn.Linear(hidden, hidden) for _ in range(4))
        self.fi, self.fo = nn.Linear(hidden, inner), nn.Linear(inner, hidden)
        self.aln, self.oln = nn.LayerNorm(hidden, eps=EPSILON), nn.LayerNorm(hidden, eps=EPSILON)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return the states of the next layer. `mask` is true for the pieces that count."""
        batch, length, hidden = states.shape

        def split_heads(values: Tensor) -> Tensor:
            return values.view(batch, length, HEADS, hidden // HEADS).transpose(1, 2)

        mixed = functional.scaled_dot_product_attention(
            split_heads(self.q(states)), split_heads(self.k(states)), split_heads(self.v(states)), attn_mask=mask
        )
        attended = self.ao(mixed.transpose(1, 2).reshape(batch, length, hidden))
        states = self.aln(states + functional.dropout(attended, DROPOUT, self.training))
        dense = self.fo(functional.gelu(self.fi(states)))
        result: Tensor = self.oln(states + functional.dropout(dense, DROPOUT, self.training))
        return result


class EncoderNetwork(nn.Module):
    """Turn the IDs of pieces into one vector for each text: the mean of its pieces. The embeddings stay as they are."""

    def __init__(self, source: SourceModel, rows: list[int]) -> None:
        super().__init__()
        words = torch.from_numpy(source.tensors["emb.word"][rows])
        self.words = nn.Embedding.from_pretrained(words, freeze=True)
        self.positions = nn.Parameter(torch.from_numpy(source.tensors["emb.pos"] + source.tensors["emb.type"][0]))
        self.norm = nn.LayerNorm(words.shape[1], eps=EPSILON)
        _copy(self.norm, source.tensors["emb.ln.w"], source.tensors["emb.ln.b"])
        inner = source.tensors["l0.fi.w"].shape[0]
        count = sum(name.endswith(".fi.w") for name in source.tensors)
        self.layers = nn.ModuleList(EncoderLayer(words.shape[1], inner) for _ in range(count))
        for number, layer in enumerate(self.layers):
            for name in _MODULE_NAMES:
                prefix = f"l{number}.{name}"
                _copy(getattr(layer, name), source.tensors[f"{prefix}.w"], source.tensors[f"{prefix}.b"])

    def forward(self, piece_ids: Tensor, attention: Tensor) -> Tensor:
        """Return the vectors, with shape (texts, numbers)."""
        states = self.norm(self.words(piece_ids) + self.positions[: piece_ids.shape[1]])
        mask = attention[:, None, None, :].bool()
        for layer in self.layers:
            states = layer(states, mask)
        weights = attention.unsqueeze(-1).to(states.dtype)
        mean: Tensor = (states * weights).sum(1) / weights.sum(1)
        return mean


def _copy(module: Any, weight: FloatArray, bias: FloatArray) -> None:
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(weight))
        module.bias.copy_(torch.from_numpy(bias))
