"""What staff do with the register: write a leader in, ask for a contact, say that it was made; all is recorded."""

from datetime import datetime

from bot.base.database import Transaction, now
from bot.community import contact_rules
from bot.community.overdue_contacts import LEADER_OFFICE_ROLE
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.community import community_leaders
from bot.store.community.community_leaders import CommunityLeader, LeaderRequest, LeaderTask
from bot.store.families import contacts, families

LEADER_FAMILY_ROLE = "leader"
LEADER_CONSENT_BASIS = "leader agreed, told staff"


class LeaderAskedRecentlyError(Exception):
    """This leader was called less than a week ago: `last` says by whom and why, `until` when it may be again."""

    def __init__(self, last_request: LeaderRequest, available_at: datetime) -> None:
        super().__init__("asked lately")
        self.last_request, self.available_at = last_request, available_at


def list_tasks(runtime: Runtime) -> list[LeaderTask]:
    """What the superintendent's office still has to do; an empty register begins with the plan for the first week."""
    district = runtime.library.district
    with runtime.database.read() as db:
        register, plan = community_leaders.list_all(db), community_leaders.list_tasks(db)
    if not plan and not register:
        owner = district.find_owners(LEADER_OFFICE_ROLE)[0]
        with runtime.database.write() as db:
            for one in contact_rules.build_starter_tasks(district, owner, district.to_local_time(now()).date()):
                community_leaders.add_task(db, one)
            plan = community_leaders.list_tasks(db)
    return contact_rules.list_open_tasks(plan, register)


def save_leader(runtime: Runtime, leader: CommunityLeader, by: str, has_text_consent: bool = False) -> int | None:
    """Write a leader in (`id` 0) or change one; None if the number stands in the register already.

    The number's family has the role of a leader from now on: it gets announcements first, to pass on.  Only with
    `texts`, its word that it wants them, is it written to.
    """
    at = now()
    with runtime.database.write() as db:
        number: int | None = leader.id
        before = community_leaders.find(db, leader.id) if leader.id else None
        if leader.id:
            number = leader.id if community_leaders.change(db, leader) else None
        else:
            number = community_leaders.add(db, leader, at)
        if number is None:
            return None
        if before and before.phone and before.phone != leader.phone:
            _remove_leader_role(runtime, db, before.phone, at)
        audit_log.record(db, by, "wrote a leader in", f"leader {number}", at)
        if leader.phone:
            family = families.find_or_create(db, leader.phone, at)
            families.set_role(db, family, LEADER_FAMILY_ROLE)
            if has_text_consent:
                contacts.add(db, leader.phone, "sms", at)
                families.set_consent(db, family, LEADER_CONSENT_BASIS, at)
    return number


def request_contact(runtime: Runtime, leader: CommunityLeader, reason: str, by: str) -> LeaderRequest | None:
    """Queue a matter; the request that it waits with, if somebody asked before.

    Raises `AskedLately` if this leader was called within the week and nothing waits that could take it along.
    """
    at = now()
    with runtime.database.write() as db:
        last = community_leaders.find_last_completed_request(db, leader.id)
        until = contact_rules.find_next_allowed_time(last.done_at if last else None)
        waits = any(one.leader_id == leader.id for one in community_leaders.list_open_requests(db))
        if last and until and until > at and not waits:
            raise LeaderAskedRecentlyError(last, until)
        before = community_leaders.add_request(db, leader.id, reason, by, at)
        audit_log.record(db, by, "asked for a leader", f"leader {leader.id}", at)
    return before


def complete_request(runtime: Runtime, request_id: int, by: str) -> bool:
    """Somebody talked with the leader about it, and about all that waited with it."""
    at = now()
    today = runtime.library.district.to_local_time(at).date()
    with runtime.database.write() as db:
        leader = community_leaders.complete_request(db, request_id, by, at)
        if leader is not None:
            community_leaders.record_contact(db, leader, today, contact_rules.find_next_call_day(today, today))
            audit_log.record(db, by, "talked with a leader", f"leader {leader}", at)
    return leader is not None


def remove_leader(runtime: Runtime, leader: CommunityLeader, by: str) -> None:
    """Take somebody out of the register, for good."""
    at = now()
    with runtime.database.write() as db:
        community_leaders.remove(db, leader.id, at)
        if leader.phone:
            _remove_leader_role(runtime, db, leader.phone, at)
        audit_log.record(db, by, "took a leader out", f"leader {leader.id}", at)


def _remove_leader_role(runtime: Runtime, db: Transaction, phone: str, at: datetime) -> None:
    """This number gets no kits any more, and no texts on a leader's word; what a family said of itself stays."""
    family = families.find_or_create(db, phone, at)
    families.set_role(db, family, "family")
    if families.get(db, family).consent_basis == LEADER_CONSENT_BASIS:
        families.set_consent(db, family, None, None)


def update_task(runtime: Runtime, task: LeaderTask, by: str) -> None:
    """Another day, another person, other words."""
    with runtime.database.write() as db:
        community_leaders.set_task(db, task, by)
        audit_log.record(db, by, "changed a leader task", f"leaders {task.kind}", now())
