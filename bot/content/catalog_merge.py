"""Bring the catalogs up to date with `messages.pot` (`make messages`); what Babel would lose is kept."""

import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from bot.content.catalog import parse_po

KEPT_HEADER_PREFIX = '"X-'
"""Babel drops headers that it does not know: who reviewed the catalog, and when."""
VOLATILE_HEADERS = ('"POT-Creation-Date', '"PO-Revision-Date')
"""Babel writes the day of today here: a merge that changes nothing must change nothing."""


def merge_catalog(path: Path, template: Catalog) -> None:
    """Merge new and changed English into one `messages/<lang>.po`; a changed text becomes fuzzy."""
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
    path.write_text(
        "\n".join([*new_lines[:end], *kept_headers, *new_lines[end:]]).rstrip("\n") + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    pot = Path(sys.argv[1])
    english = parse_po("en", pot.read_bytes())
    for po in sorted(pot.parent.glob("*.po")):
        merge_catalog(po, english)
