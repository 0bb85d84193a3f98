"""The amount and the alphabet: words with a meaning here, and all of Unicode."""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

REQUESTS = int(os.environ.get("PUENTE_FUZZ", "5000"))
"""The total number of requests; `share` splits them among the endpoints."""

MEANINGFUL_WORDS = [
    *("", " ", "0", "1", "2", "9", "*", "#", "12", "menu", "STOP", "START", "HELP", "español", "kreyòl", "BACK", "yes", "no"),
    *("ICE", "DRILL lincoln", "OVER", "TAKE 1", "1?", "1 we will call", "GIVE 1 JEAN", "DONE 1", "STATUS LINCOLN CLEAR"),
    *("GO K7Q2MX", "NOGO K7Q2MX 3", "ASK K7Q2MX why?", "CHECK K7Q2MX", "JOIN LINCOLN", "DELETE MY DATA", "PRIVACY"),
    *("la migra está en mi puerta", "they took my husband", "I want to talk to a person", "my child is sick tomorrow"),
    *("mañana", "11/30", "30/02/2027", "99999999999999999999", "-1", "1e400", "NaN", "٣", "²", "①", "0x10", "2026-02-30"),
    *("2026-11-24T10:00", "0001-01-01", "9999-12-31T23:59", "25:61", "+12175550123", "whatsapp:US.1", "lincoln", "harbor"),
    *("ana_ruiz", "jean_baptiste", "es", "zz", "en-US", "administrator", "staff", "on", "true", "https://example.org/a"),
    *("<script>alert(1)</script>", "{{7*7}}", "{name}", "{0}", "%s%n", "'; DROP TABLE cases;--", "=1+1", "../../etc/passwd"),
    *("\x00", "\u202e", "\ufeff", "\ud7ff\ue000", "🇺🇸👩‍👩‍👧", "a" * 5000, "\r\nX-Header: 1", "ﷺ", "İ", "ß", "\u0000" * 3),
]  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(MEANINGFUL_WORDS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.integers(-(2**70), 2**70).map(str),
)


def share(part: float) -> Callable[[Any], Any]:
    """Give this test a share of all requests; they differ each time only if `PUENTE_FUZZ` asks for many."""
    return settings(
        max_examples=max(1, int(REQUESTS * part)),
        deadline=None,
        derandomize="PUENTE_FUZZ" not in os.environ,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
