"""Pages: text is escaped, nothing is fetched, missing parts are reported."""

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bot.base import settings
from bot.documents import html_page
from tests.documents.seen import open_png, read_codes, read_page_texts

FONTS = "@page { size: 600px 400px }"


def test_texts_are_escaped() -> None:
    html = html_page.build_document("", html_page.build_element("p", '<script>alert("1")</script> & <b>', "en"), "en")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert '" onload="' not in html_page.build_element("p", "", '" onload="')


def test_direction_and_language_are_set() -> None:
    assert 'lang="ps" dir="rtl"' in html_page.build_element("p", "سلام", "ps")
    assert 'lang="am" dir="ltr"' in html_page.build_element("p", "ሰላም", "am")


@pytest.mark.parametrize("whole", ["217-555-0100", "+1 217-555-0100", "riverbend.example.org", "https://a.test/n/7-X"])
def test_numbers_and_addresses_stay_left_to_right(whole: str) -> None:
    assert f"\u2066{whole}\u2069" in html_page.build_element("p", f"اتصلوا {whole}، شكرا", "fa")
    assert "\u2066" not in html_page.build_element("p", f"Call {whole}.", "en")


@pytest.mark.parametrize("text", ["2026-12-04", "8:15-3:10", "911", "a.m./p.m.", "End.Next", "3.10"])
def test_other_text_is_not_isolated(text: str) -> None:
    assert html_page.isolate_left_to_right(text) == text


@pytest.mark.long
def test_rendering_fetches_nothing(drawing: None, tmp_path: Path) -> None:
    asked: list[str] = []

    class Asked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    server = HTTPServer(("127.0.0.1", 0), Asked)
    Thread(target=server.serve_forever, daemon=True).start()
    secret = tmp_path / "secret.css"
    secret.write_text("p::after { content: 'leaked' }")
    base = f"http://127.0.0.1:{server.server_port}"
    outside = (
        f"<link rel=stylesheet href='{secret.as_uri()}'><link rel=stylesheet href='{base}/a.css'>"
        f"<img src='{base}/a.png'><style>@import '{base}/b.css'; p {{ background: url({base}/c.png) }}</style>"
        f"<a rel=attachment href='{secret.as_uri()}'>x</a><svg><image href='{base}/d.png'/></svg><p>here</p>"
    )
    (text,) = read_page_texts(html_page.render_pdf(outside))
    server.shutdown()
    assert "here" in text
    assert "leaked" not in text
    assert asked == []


def test_image_has_requested_width_and_readable_code(drawing: None) -> None:
    link = "https://puente.test/n/7KQ2-XM4P"
    png = html_page.render_png(
        html_page.build_document(f"{FONTS} .qr {{ width: 300px }}", html_page.build_qr_code(link), "en"), 450
    )
    assert open_png(png).size == (450, 300)
    assert read_codes(open_png(png)) == [link]


def test_missing_font_is_an_error(drawing: None) -> None:
    with pytest.raises(html_page.RendererUnavailableError, match="No font on this machine has the letters"):
        html_page.render_pdf(html_page.build_document("", html_page.build_element("p", "\U00030123", "en"), "en"))


def test_missing_pango_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(html_page.RendererUnavailableError, match="sudo apt install libpango"):
        html_page.render_pdf("<p>here")


def test_overflowing_page_is_refused(drawing: None) -> None:
    pages = [html_page.build_document(FONTS, html_page.build_element("p", "long " * 2000, "en"), "en")] * 2
    with pytest.raises(html_page.PageOverflowError):
        html_page.render_fitting_pdf(pages)


def test_importing_loads_no_renderer() -> None:
    heavy = "{'weasyprint', 'pypdfium2', 'PIL.Image'}"
    code = f"import sys, bot.documents.poster, bot.documents.image, bot.speech.text_to_speech; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=settings.ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
