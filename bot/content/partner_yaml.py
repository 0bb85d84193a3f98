"""Render a partner as lines for the district file, validated by its model and quoted so that YAML reads the same.

Puente writes no file. The person who maintains the district file pastes the lines, and that change is reviewed.
"""

import re
from collections.abc import Container, Iterator, Mapping

import yaml
from pydantic import ValidationError

from bot.base.text_normalization import normalize_text
from bot.content.facts import Partner

MAX_PARTNER_ID_LENGTH = 40


def parse_partner(fields: Mapping[str, object]) -> Partner | tuple[str, ...]:
    """Return the partner, or the names of the fields that the district file would refuse."""
    filled_fields = {name: value for name, value in fields.items() if value not in ("", (), None)}
    try:
        return Partner.model_validate(filled_fields)
    except ValidationError as error:
        return tuple(dict.fromkeys(str(detail["loc"][0]) for detail in error.errors()))


def render_lines(partner: Partner, taken_ids: Container[str]) -> str:
    """Render the lines to paste under `partners:`, indented by two spaces, with an ID that is not taken."""
    dumped = partner.model_dump(exclude_defaults=True)
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in dumped.items()}
    name = next(partner_id for partner_id in _generate_ids(partner.name) if partner_id not in taken_ids)
    text = yaml.safe_dump({name: values}, allow_unicode=True, sort_keys=False, width=1000)
    return "".join(f"  {line}\n" for line in text.splitlines())


def _generate_ids(name: str) -> Iterator[str]:
    """Generate `prairie_legal_aid`, `prairie_legal_aid_2` …, or `partner` … for a name without Latin letters."""
    letters = re.sub(r"[^a-z0-9]+", "_", normalize_text(name)).strip("_0123456789")
    base_id = letters[:MAX_PARTNER_ID_LENGTH].strip("_") or "partner"
    yield base_id
    number = 2
    while True:
        yield f"{base_id}_{number}"
        number += 1
