"""Looking at what was drawn, as a reader and as a phone's camera do."""

from io import BytesIO

import pypdfium2
import zxingcpp
from PIL import Image


def text_of(pdf: bytes) -> list[str]:
    """The text of each page."""
    document = pypdfium2.PdfDocument(pdf)
    return [document[at].get_textpage().get_text_range() for at in range(len(document))]


def codes_on(image: Image.Image) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(image)]


def on_paper(pdf: bytes, scale: float = 2) -> Image.Image:
    """The first page, in grey, as most schools print."""
    return pypdfium2.PdfDocument(pdf)[0].render(scale=scale).to_pil().convert("L")


def opened(png: bytes) -> Image.Image:
    assert png.startswith(b"\x89PNG")
    return Image.open(BytesIO(png)).convert("RGB")
