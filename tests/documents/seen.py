"""Read what was drawn, as a reader and a phone camera do."""

from io import BytesIO

import pypdfium2
import zxingcpp
from PIL import Image


def read_page_texts(pdf: bytes) -> list[str]:
    """Return the text of each page."""
    document = pypdfium2.PdfDocument(pdf)
    return [document[at].get_textpage().get_text_range() for at in range(len(document))]


def read_codes(image: Image.Image) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(image)]


def render_in_gray(pdf: bytes, scale: float = 2) -> Image.Image:
    """Return the first page in gray, as most schools print."""
    return pypdfium2.PdfDocument(pdf)[0].render(scale=scale).to_pil().convert("L")


def open_png(png: bytes) -> Image.Image:
    assert png.startswith(b"\x89PNG")
    return Image.open(BytesIO(png)).convert("RGB")
