"""The encoders: the shipped one, a folder of the district, a server on its network, and what happens without any."""

import json
import shutil
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from bot.base.settings import ROOT
from bot.base.text_normalization import NormalizedText
from bot.content.library import load_library
from bot.encoders.http_encoder import HttpEncoder, find_address_problem
from bot.encoders.onnx_encoder import OnnxEncoder
from bot.encoders.selection import connect_encoder, open_encoder
from bot.nlu import NluContext, classify_message
from bot.nlu.encoder import PROBE_TEXTS, EncoderError
from bot.nlu.model import MODEL_FILENAME, load_model

FLOWS = ROOT / "flows"
SHIPPED = FLOWS / "encoder"


@pytest.fixture(scope="module")
def shipped() -> OnnxEncoder:
    return OnnxEncoder(SHIPPED)


def test_vectors_have_length_one_and_do_not_depend_on_neighbors(shipped: OnnxEncoder) -> None:
    together = shipped.encode(["my son is sick", "a much longer text about the bus that came late again this morning"])
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3)
    alone = shipped.encode(["my son is sick"])
    assert float(together[0] @ alone[0]) > 0.99


def test_same_meaning_in_other_languages_is_nearer_than_another_meaning(shipped: OnnxEncoder) -> None:
    english, spanish, other = shipped.encode(
        ["my daughter is sick and stays home", "mi hija está enferma y se queda en casa", "who won the soccer game"]
    )
    assert float(english @ spanish) > float(english @ other)


def test_capitals_and_wide_letters_do_not_matter(shipped: OnnxEncoder) -> None:
    first, second = shipped.encode(["HELP ＭＥ", "help me"])
    assert float(first @ second) > 0.999


@pytest.mark.parametrize("text", ["", " ", "😀", "\x00", "A\ud800", "a" * 20_000, "ً" * 300])
def test_any_text_gets_a_vector(shipped: OnnxEncoder, text: str) -> None:
    assert shipped.encode([text]).shape == (1, 384)


def test_shipped_encoder_gives_the_vectors_that_the_models_learned_from() -> None:
    nlu_model = connect_encoder(load_model(FLOWS / MODEL_FILENAME), "", FLOWS)
    assert nlu_model.encoder_problem == "" and nlu_model.encoder is not None


def test_changed_file_is_refused_and_puente_still_understands(tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(SHIPPED, folder)
    with (folder / "model.onnx").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    library = load_library(ROOT, ROOT / "district.yaml", str(folder))
    assert "doesn't match SHA256SUMS" in library.phrasebook.nlu_model.encoder_problem
    context = NluContext(library.phrasebook, library.district.languages)
    assert classify_message(NormalizedText("hay migra en la puerta de mi casa"), context).page == "now"


def test_missing_folder_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="sha256sum"):
        open_encoder(str(tmp_path), FLOWS)


def test_none_switches_the_encoder_off_without_a_problem() -> None:
    nlu_model = connect_encoder(load_model(FLOWS / MODEL_FILENAME), "none", FLOWS)
    assert (nlu_model.encoder, nlu_model.encoder_problem) == (None, "")


@pytest.mark.parametrize(
    "address", ["http://example.com/v1", "https://8.8.8.8/v1", "http://embeddings.internal/v1", "http:///v1"]
)
def test_public_addresses_and_names_are_refused(address: str) -> None:
    assert find_address_problem(address)
    with pytest.raises(EncoderError):
        HttpEncoder(address)


@pytest.mark.parametrize(
    "address", ["http://localhost:1/v1", "http://127.0.0.1/v1", "http://[::1]:9/v1", "http://10.1.2.3/v1"]
)
def test_own_machine_and_private_network_are_allowed(address: str) -> None:
    assert find_address_problem(address) is None


class EmbeddingsServer(BaseHTTPRequestHandler):
    """Answer as an embeddings server does, and check the request. `numbers` is the length of its vectors."""

    numbers = 4

    def do_POST(self) -> None:
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        assert self.path == "/v1/embeddings" and all(isinstance(text, str) for text in texts)
        rows = [{"index": number, "embedding": [1.0 + number] * self.numbers} for number, _ in enumerate(texts)]
        body = json.dumps({"data": rows[::-1]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Stay silent."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), EmbeddingsServer) as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}/v1/embeddings"
        listening.shutdown()


def test_server_gives_vectors_in_the_order_of_the_texts(server: str) -> None:
    vectors = HttpEncoder(server).encode(["a", "b"])
    assert vectors.shape == (2, 4) and np.allclose(vectors, 0.5)


def test_other_encoder_than_the_trained_one_is_not_used(server: str) -> None:
    nlu_model = connect_encoder(load_model(FLOWS / MODEL_FILENAME), server, FLOWS)
    assert nlu_model.encoder is None and "make teach" in nlu_model.encoder_problem


def test_hanging_server_costs_a_third_of_a_second_and_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        encoder = HttpEncoder(f"http://127.0.0.1:{hanging.getsockname()[1]}/v1")
        with pytest.raises(EncoderError, match="ReadTimeout"):
            encoder.encode(PROBE_TEXTS)
