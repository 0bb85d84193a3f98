"""An organization as lines for the district file: checked by the file's own model, quoted so that YAML reads the same.

Pure.  Nothing is written into a file: whoever keeps it pastes the lines, and the review of that change is the gate.
"""

import re
from collections.abc import Container, Iterator, Mapping

import yaml
from pydantic import ValidationError

from bot.base.text_normalization import normalize_text
from bot.content.facts import Partner

MAX_PARTNER_ID_LENGTH = 40


def parse_partner(fields: Mapping[str, object]) -> Partner | tuple[str, ...]:
    """The organization that was typed, or the names of the fields that the district file would refuse."""
    try:
        return Partner.model_validate({name: value for name, value in fields.items() if value not in ("", (), None)})
    except ValidationError as wrong:
        return tuple(dict.fromkeys(str(detail["loc"][0]) for detail in wrong.errors()))


def render_lines(partner: Partner, taken_ids: Container[str]) -> str:
    """What is pasted under `partners:`, two spaces in; its id is none that is `taken`."""
    dumped = partner.model_dump(exclude_defaults=True)
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in dumped.items()}
    name = next(partner_id for partner_id in _generate_ids(partner.name) if partner_id not in taken_ids)
    text = yaml.safe_dump({name: values}, allow_unicode=True, sort_keys=False, width=1000)
    return "".join(f"  {line}\n" for line in text.splitlines())


def _generate_ids(name: str) -> Iterator[str]:
    """`prairie_legal_aid`, `prairie_legal_aid_2` …; `partner` for a name without Latin letters."""
    base_id = (
        re.sub(r"[^a-z0-9]+", "_", normalize_text(name)).strip("_0123456789")[:MAX_PARTNER_ID_LENGTH].strip("_")
        or "partner"
    )
    yield base_id
    number = 2
    while True:
        yield f"{base_id}_{number}"
        number += 1
