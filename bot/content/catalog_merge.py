"""Merge `messages.pot` into the catalogs (`make messages`) and keep the headers that Babel would lose."""

import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from bot.content.catalog import parse_po

KEPT_HEADER_PREFIX = '"X-'
"""Babel drops headers that it does not know, such as who reviewed the catalog, and when."""
VOLATILE_HEADERS = ('"POT-Creation-Date', '"PO-Revision-Date')
"""Babel writes today's date in these headers. A merge without changes must not change the file."""


def merge_catalog(path: Path, template: Catalog) -> None:
    """Merge new and changed English into one `messages/<lang>.po`. A changed text becomes fuzzy."""
    old_lines = path.read_text(encoding="utf-8").splitlines()
    catalog = parse_po(path.stem, path.read_bytes())
    previous_ids = {message.id: message.previous_id for message in catalog if message.previous_id}
    catalog.update(template, update_header_comment=False)
    for message in catalog:
        if message.id in previous_ids:
            message.previous_id = previous_ids[message.id]
    buffer = BytesIO()
    write_po(buffer, catalog, width=0, sort_by_file=True, include_previous=True)
    new_lines = [
        line
        for line in buffer.getvalue().decode().splitlines()
        if not line.startswith((*VOLATILE_HEADERS, KEPT_HEADER_PREFIX))
    ]
    kept_headers = [line for line in old_lines if line.startswith((KEPT_HEADER_PREFIX, '"PO-Revision-Date'))]
    end = next(number for number, line in enumerate(new_lines) if line.startswith('"MIME-Version'))
    text = "\n".join([*new_lines[:end], *kept_headers, *new_lines[end:]])
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    pot = Path(sys.argv[1])
    english = parse_po("en", pot.read_bytes())
    for po in sorted(pot.parent.glob("*.po")):
        merge_catalog(po, english)
