"""Every CSV file that leaves this program: cells that no spreadsheet computes.

A cell that begins with one of `FORMULA` is run as a formula by Excel, LibreOffice and Google Sheets (OWASP, "CSV
Injection"): a family's question or a name in a roster could read the sheet and send it away.  Such a cell gets an
apostrophe, which a spreadsheet does not show.  tests/test_structure.py: nobody else writes CSV.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""The full-width ones count where a Japanese or Chinese keyboard is set."""


def escape_cell(cell: object) -> str:
    """A cell as text that stays text; None is an empty one, and a number a number."""
    text = "" if cell is None else str(cell)
    is_risky = text.startswith(FORMULA_PREFIXES) and not isinstance(cell, int)
    return f"'{text}" if is_risky else text


def format_line(cells: Sequence[object]) -> str:
    """One line of a CSV file, with its end."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([escape_cell(cell) for cell in cells])
    return buffer.getvalue()


def format_lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of a CSV file."""
    return (format_line(row) for row in rows)
