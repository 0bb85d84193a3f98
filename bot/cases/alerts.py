"""Alerts: who must know of a case gets a text with its number, topic and language, and nothing else."""

import logging
from datetime import datetime
from typing import Protocol

from bot.content.languages import english_name
from bot.content.library import Library
from bot.queues import DELIVER, enqueue
from bot.services import Services
from bot.store import cases, deliveries
from bot.store.cases import Case
from bot.store.db import now
from bot.store.deliveries import Delivery

LOST = frozenset({"failed", "undelivered", "canceled", "held"})
URGENCY = {
    "escalate_now": "URGENT, now",
    "escalate_day": "today",
    "follow_up": "soon",
    "info": "for information",
}


class About(Protocol):
    """What an alert tells of a case."""

    @property
    def id(self) -> int: ...
    @property
    def topic(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def language(self) -> str: ...


log = logging.getLogger(__name__)


def alert(services: Services, case_id: int) -> None:
    """Write the alerts of a case as rows, once each, and queue them.

    Everybody on call for the role is told.  If none of those texts arrived, whoever is on call by default is told too.
    """
    at, vault = now(), services.database.vault
    with services.database.write() as db:
        case = cases.get(db, vault, case_id)
        before = deliveries.of_case(db, vault, case_id)
        body = alert_text(services.library, services.settings.public_base, case)
        for person in _recipients(services, case, before, at):
            deliveries.plan_alert(db, vault, case_id, person, body, at)
        cases.set_alerted(db, case_id, at)
        waiting = deliveries.waiting_of_case(db, case_id)
    log.info("alerting: case=%s severity=%s people=%s", case_id, case.severity, len(waiting))
    for delivery_id in waiting:
        enqueue(services.redis, "urgent", DELIVER, delivery_id)


def alert_text(library: Library, base: str, about: About) -> str:
    """What staff read: never a name, a number or a family's words; those wait behind the console's login."""
    flow = library.flows.for_intent(about.topic)
    topic = library.flows.flows[flow].title if flow else about.topic
    return (
        f"{library.district.name}: case {about.id} ({URGENCY[about.severity]}). {topic}."
        f" Language: {english_name(about.language)}. {base}/console/cases/{about.id}"
    )


def _recipients(services: Services, case: Case, before: list[Delivery], at: datetime) -> list[str]:
    district = services.library.district
    people = list(district.alerted_for(case.role, at))
    told = {delivery.staff: delivery.state for delivery in before}
    if told and all(state in LOST for state in told.values()):
        people += [person for person in district.alerted_for("default", at) if person not in people]
    return people
