"""Write the network as an ONNX file with 8-bit weights, with onnx's own helpers and onnxruntime's quantizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

from bot.encoder_training.network import EPSILON, HEADS, EncoderNetwork
from bot.encoders.onnx_encoder import MAX_TOKENS

OPSET: Final = 20
IR_VERSION: Final = 9
BLOCK_SIZE: Final = 128


class GraphBuilder:
    """Collect the nodes and the constants of a graph."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add_constant(self, name: str, array: Any) -> str:
        """Add an array, and return its name."""
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node, and return the name of its output."""
        output = name or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output


def export_network(network: EncoderNetwork, path: Path) -> None:
    """Write the network to `path`. Its inputs are `input_ids` and `attention_mask`, and its output `vector`."""
    weights = {name: tensor.detach().float().numpy() for name, tensor in network.state_dict().items()}
    builder = GraphBuilder()
    _add_constants(builder)
    states = _add_embeddings(builder, weights)
    mask = _add_mask(builder)
    for number in range(len(network.layers)):
        states = _add_layer(builder, weights, f"layers.{number}", states, mask)
    _add_mean(builder, states)
    model = _build_model(builder, weights["norm.weight"].shape[0])
    quantizer = MatMulNBitsQuantizer(model, bits=8, block_size=BLOCK_SIZE, is_symmetric=True, accuracy_level=4)
    quantizer.process()
    onnx.save(quantizer.model.model, path)


def _build_model(builder: GraphBuilder, size: int) -> onnx.ModelProto:
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "pieces"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["texts", size])]
    graph = helper.make_graph(builder.nodes, "encoder", inputs, outputs, builder.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def _add_constants(builder: GraphBuilder) -> None:
    for number in range(3):
        builder.add_constant(f"axis{number}", np.array([number], np.int64))
    builder.add_constant("axes12", np.array([1, 2], np.int64))
    builder.add_constant("one", np.array(1, np.float32))
    builder.add_constant("blocked", np.array(-1e9, np.float32))


def _add_embeddings(builder: GraphBuilder, weights: dict[str, Any]) -> str:
    """Add the embeddings, with one scale for each row of 8-bit numbers."""
    words = weights["words.weight"]
    scales = np.maximum(np.abs(words).max(axis=1, keepdims=True) / 127, 1e-9)
    builder.add_constant("words", np.round(words / scales).astype(np.int8))
    builder.add_constant("word_scales", scales.astype(np.float16))
    builder.add_constant("positions", weights["positions"][:MAX_TOKENS])
    rows = builder.add("Cast", builder.add("Gather", "words", "input_ids"), to=TensorProto.FLOAT)
    row_scales = builder.add("Cast", builder.add("Gather", "word_scales", "input_ids"), to=TensorProto.FLOAT)
    length = builder.add("Slice", builder.add("Shape", "input_ids"), "axis1", "axis2")
    positions = builder.add("Slice", "positions", "axis0", length, "axis0")
    total = builder.add("Add", builder.add("Mul", rows, row_scales), positions)
    return _add_norm(builder, weights, "norm", total)


def _add_mask(builder: GraphBuilder) -> str:
    builder.add("Cast", "attention_mask", name="attention", to=TensorProto.FLOAT)
    blocked = builder.add("Mul", builder.add("Sub", "one", "attention"), "blocked")
    return builder.add("Unsqueeze", blocked, "axes12")


def _add_norm(builder: GraphBuilder, weights: dict[str, Any], name: str, states: str) -> str:
    scale = builder.add_constant(f"{name}.w", weights[f"{name}.weight"])
    bias = builder.add_constant(f"{name}.b", weights[f"{name}.bias"])
    return builder.add("LayerNormalization", states, scale, bias, axis=-1, epsilon=EPSILON)


def _add_linear(builder: GraphBuilder, weights: dict[str, Any], name: str, states: str) -> str:
    matrix = builder.add_constant(f"{name}.w", np.ascontiguousarray(weights[f"{name}.weight"].T))
    bias = builder.add_constant(f"{name}.b", weights[f"{name}.bias"])
    return builder.add("Add", builder.add("MatMul", states, matrix), bias)


def _add_layer(builder: GraphBuilder, weights: dict[str, Any], name: str, states: str, mask: str) -> str:
    hidden = weights[f"{name}.q.weight"].shape[0]
    split = builder.add_constant(f"{name}.split", np.array([0, 0, HEADS, hidden // HEADS], np.int64))
    joined = builder.add_constant(f"{name}.joined", np.array([0, 0, hidden], np.int64))
    scale = builder.add_constant(f"{name}.scale", np.array((hidden // HEADS) ** -0.5, np.float32))
    query, key, value = (
        builder.add(
            "Transpose",
            builder.add("Reshape", _add_linear(builder, weights, f"{name}.{part}", states), split),
            perm=[0, 2, 3, 1] if part == "k" else [0, 2, 1, 3],
        )
        for part in ("q", "k", "v")
    )
    scores = builder.add("Add", builder.add("Mul", builder.add("MatMul", query, key), scale), mask)
    mixed = builder.add("MatMul", builder.add("Softmax", scores, axis=-1), value)
    attended = builder.add("Reshape", builder.add("Transpose", mixed, perm=[0, 2, 1, 3]), joined)
    attended = _add_linear(builder, weights, f"{name}.ao", attended)
    states = _add_norm(builder, weights, f"{name}.aln", builder.add("Add", states, attended))
    inner = builder.add("Gelu", _add_linear(builder, weights, f"{name}.fi", states))
    dense = _add_linear(builder, weights, f"{name}.fo", inner)
    return _add_norm(builder, weights, f"{name}.oln", builder.add("Add", states, dense))


def _add_mean(builder: GraphBuilder, states: str) -> None:
    weights = builder.add("Unsqueeze", "attention", "axis2")
    total = builder.add("ReduceSum", builder.add("Mul", states, weights), "axis1", keepdims=0)
    builder.add("Div", total, builder.add("ReduceSum", weights, "axis1", keepdims=0), name="vector")
