"""Open the encoder that the setting `ENCODER` names."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bot.encoders.http_encoder import HttpEncoder
from bot.encoders.onnx_encoder import OnnxEncoder
from bot.nlu.encoder import Encoder, EncoderError
from bot.nlu.model import NluModel

BUILT_IN_FOLDER: Final = "encoder"
"""The folder of `flows/` with the encoder that Puente ships."""
NO_ENCODER: Final = "none"


def open_encoder(setting: str, flows: Path) -> Encoder:
    """Open the encoder for a setting: empty (the shipped one), a folder, or the address of a server.

    Raises:
        EncoderError: a file or the server is not usable. The message says why.
    """
    if setting.startswith(("http://", "https://")):
        return HttpEncoder(setting)
    return OnnxEncoder(Path(setting) if setting else flows / BUILT_IN_FOLDER)


def connect_encoder(nlu_model: NluModel, setting: str, flows: Path) -> NluModel:
    """Return the model with its encoder. With a problem, return it without one, and with the reason.

    Puente then still understands most messages, so a problem with the encoder must not stop it.
    """
    if setting == NO_ENCODER:
        return nlu_model
    try:
        return nlu_model.connect_encoder(open_encoder(setting, flows))
    except EncoderError as error:
        return nlu_model.without_encoder(str(error))
