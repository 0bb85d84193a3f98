"""The district file is as strict as the flows: an on-call chain that would lose an alert doesn't load."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.base import settings
from bot.base.yaml_source import SourceError, parse_yaml
from bot.content.district import District


def find_errors(change: dict[str, Any]) -> str:
    """Return the errors of the example district with these values replaced; empty if it is valid."""
    data = yaml.safe_load((settings.ROOT / "district.yaml").read_text())
    for path, value in change.items():
        *rooms, last = path.split(".")
        at = data
        for room in rooms:
            at = at[room]
        at[last] = value
    try:
        parse_yaml(yaml.safe_dump(data, allow_unicode=True), "district.yaml").parse_model(District)
    except SourceError as bad:
        return str(bad)
    return ""


def test_example_district_is_valid() -> None:
    assert find_errors({}) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"on_call.counselor": ["lee_tran"]}, "needs two different people"),
        ({"on_call.counselor": ["lee_tran", "nobody"]}, "names 'nobody', who is not under 'staff'"),
        ({"on_call.family_liaison": ["ana_ruiz", "jean_pierre"]}, "has only one role (family liaison)"),
        (
            {
                "staff.ana_ruiz.role": "EL coordinator", "staff.jean_pierre.role": "Multilingual teacher",
                "on_call.family_liaison": ["ana_ruiz", "jean_pierre"],
            },
            "has only EL/ML coordinators",
        ),
        ({"on_call.counselor": {"people": ["lee_tran", "sam_ortiz"], "schools": {"mars": ["lee_tran"]}}}, "'mars'"),
        ({"staff.sam_ortiz.schools": ["mars"]}, "works at 'mars', which is not under 'schools'"),
        ({"paging.widen_to": ["nowhere"]}, "paging widens to 'nowhere'"),
        ({"staff.ana_ruiz.backup": "ana_ruiz"}, "must be another person"),
        ({"time_zone": "Mars/Base"}, "name a time zone"),
        ({"templates": {"follow_up": {"es": "HX12"}}}, "HX[0-9a-f]{32}"),
    ],
)  # fmt: skip
def test_district_that_would_lose_an_alert_is_refused(change: dict[str, Any], said: str) -> None:
    assert said in find_errors(change)


def test_error_names_place_and_remedy(tmp_path: Path) -> None:
    text = (
        (settings.ROOT / "district.yaml")
        .read_text()
        .replace("counselor: [lee_tran, sam_ortiz]", "counselor: [lee_tran]")
    )
    with pytest.raises(SourceError) as bad:
        parse_yaml(text, "district.yaml").parse_model(District)
    assert "district.yaml:" in str(bad.value) and "because one can be ill or asleep" in str(bad.value)
