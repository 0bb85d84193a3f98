"""What staff do with the register: write a leader in, ask for a contact, say that it was made; all is recorded."""

from datetime import datetime

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.community import contact_rules
from bot.community.overdue_contacts import OFFICE
from bot.runtime import Services
from bot.store import audit_log
from bot.store.community import community_leaders
from bot.store.community.community_leaders import Leader, Request, Task
from bot.store.families import contacts, families

LEADER = "leader"
BASIS = "leader agreed, told staff"


class AskedLately(Exception):
    """This leader was called less than a week ago: `last` says by whom and why, `until` when it may be again."""

    def __init__(self, last: Request, until: datetime) -> None:
        super().__init__("asked lately")
        self.last, self.until = last, until


def tasks(services: Services) -> list[Task]:
    """What the superintendent's office still has to do; an empty register begins with the plan for the first week."""
    district, vault = services.library.district, services.database.vault
    with services.database.read() as db:
        register, plan = community_leaders.every(db, vault), community_leaders.plan(db)
    if not plan and not register:
        owner = district.owners(OFFICE)[0]
        with services.database.write() as db:
            for one in contact_rules.starter_tasks(district, owner, district.local(now()).date()):
                community_leaders.start(db, one)
            plan = community_leaders.plan(db)
    return contact_rules.still_to_do(plan, register)


def keep(services: Services, leader: Leader, by: str, texts: bool = False) -> int | None:
    """Write a leader in (`id` 0) or change one; None if the number stands in the register already.

    The number's family has the role of a leader from now on: it gets announcements first, to pass on.  Only with
    `texts`, its word that it wants them, is it written to.
    """
    at, vault = now(), services.database.vault
    with services.database.write() as db:
        number: int | None = leader.id
        before = community_leaders.find(db, vault, leader.id) if leader.id else None
        if leader.id:
            number = leader.id if community_leaders.change(db, vault, leader) else None
        else:
            number = community_leaders.add(db, vault, leader, at)
        if number is None:
            return None
        if before and before.phone and before.phone != leader.phone:
            _no_leader_any_more(services, db, before.phone, at)
        audit_log.record(db, by, "wrote a leader in", f"leader {number}", at)
        if leader.phone:
            family = families.of_address(db, vault, leader.phone, at)
            families.set_role(db, family, LEADER)
            if texts:
                contacts.add(db, vault, leader.phone, "sms", at)
                families.set_consent(db, family, BASIS, at)
    return number


def ask(services: Services, leader: Leader, why: str, by: str) -> Request | None:
    """Queue a matter; the request that it waits with, if somebody asked before.

    Raises `AskedLately` if this leader was called within the week and nothing waits that could take it along.
    """
    at = now()
    with services.database.write() as db:
        last = community_leaders.last_done(db, leader.id)
        until = contact_rules.not_before(last.done_at if last else None)
        waits = any(one.leader_id == leader.id for one in community_leaders.open_ones(db))
        if last and until and until > at and not waits:
            raise AskedLately(last, until)
        before = community_leaders.ask(db, leader.id, why, by, at)
        audit_log.record(db, by, "asked for a leader", f"leader {leader.id}", at)
    return before


def done(services: Services, request_id: int, by: str) -> bool:
    """Somebody talked with the leader about it, and about all that waited with it."""
    at = now()
    today = services.library.district.local(at).date()
    with services.database.write() as db:
        leader = community_leaders.done(db, request_id, by, at)
        if leader is not None:
            community_leaders.contacted(db, leader, today, contact_rules.next_call(today, today))
            audit_log.record(db, by, "talked with a leader", f"leader {leader}", at)
    return leader is not None


def leave(services: Services, leader: Leader, by: str) -> None:
    """Take somebody out of the register, for good."""
    at = now()
    with services.database.write() as db:
        community_leaders.leave(db, leader.id, at)
        if leader.phone:
            _no_leader_any_more(services, db, leader.phone, at)
        audit_log.record(db, by, "took a leader out", f"leader {leader.id}", at)


def _no_leader_any_more(services: Services, db: Connection, phone: str, at: datetime) -> None:
    """This number gets no kits any more, and no texts on a leader's word; what a family said of itself stays."""
    family = families.of_address(db, services.database.vault, phone, at)
    families.set_role(db, family, "family")
    if families.get(db, family).consent_basis == BASIS:
        families.set_consent(db, family, None, None)


def set_task(services: Services, task: Task, by: str) -> None:
    """Another day, another person, other words."""
    with services.database.write() as db:
        community_leaders.set_task(db, task, by)
        audit_log.record(db, by, "changed a leader task", f"leaders {task.kind}", now())
