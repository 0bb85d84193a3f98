"""Write CSV files whose cells no spreadsheet runs as formulas.

Excel, LibreOffice, and Google Sheets run a cell that begins with one of `FORMULA_PREFIXES` as a formula (OWASP, "CSV
Injection"). A family's question or a name in a roster could then read the sheet and send it away. Such a cell gets an
apostrophe, which a spreadsheet does not show. `tests/test_structure.py` checks that no other module writes CSV.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""The full-width characters come from Japanese and Chinese keyboards."""


def escape_cell(cell: object) -> str:
    """Return the text of a cell, escaped if a spreadsheet would run it. None becomes an empty cell."""
    text = "" if cell is None else str(cell)
    if text.startswith(FORMULA_PREFIXES) and not isinstance(cell, int):
        return f"'{text}"
    return text


def format_line(cells: Sequence[object]) -> str:
    """Return one line of a CSV file, with its line end."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([escape_cell(cell) for cell in cells])
    return buffer.getvalue()


def format_lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Return the lines of a CSV file."""
    return (format_line(row) for row in rows)
