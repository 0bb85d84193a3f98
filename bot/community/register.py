"""Change the register of community leaders: save a leader, request a contact, record a contact. All is audited."""

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
    """Staff called this leader less than a week ago (`last_request`). The next call is possible at `available_at`."""

    def __init__(self, last_request: LeaderRequest, available_at: datetime) -> None:
        super().__init__("this leader was called less than a week ago")
        self.last_request, self.available_at = last_request, available_at


def list_tasks(runtime: Runtime) -> list[LeaderTask]:
    """Return the open tasks of the superintendent's office. An empty register starts the plan for the first week."""
    district = runtime.library.district
    with runtime.database.read() as db:
        register, plan = community_leaders.list_all(db), community_leaders.list_tasks(db)
    if not plan and not register:
        owner = district.find_owners(LEADER_OFFICE_ROLE)[0]
        with runtime.database.write() as db:
            for task in contact_rules.build_starter_tasks(district, owner, district.to_local_time(now()).date()):
                community_leaders.add_task(db, task)
            plan = community_leaders.list_tasks(db)
    return contact_rules.list_open_tasks(plan, register)


def save_leader(runtime: Runtime, leader: CommunityLeader, by: str, has_text_consent: bool = False) -> int | None:
    """Save a new leader (`id` 0) or change one. Return None if the number is already registered.

    The number's family gets the role of a leader and then gets announcements first, to pass on. Puente texts it only
    with `has_text_consent`, the leader's own consent.
    """
    current_time = now()
    with runtime.database.write() as db:
        leader_id: int | None = leader.id
        previous = community_leaders.find(db, leader.id) if leader.id else None
        if not leader.id:
            leader_id = community_leaders.add(db, leader, current_time)
        elif not community_leaders.change(db, leader):
            leader_id = None
        if leader_id is None:
            return None
        if previous and previous.phone and previous.phone != leader.phone:
            _remove_leader_role(runtime, db, previous.phone, current_time)
        audit_log.record(db, by, "wrote a leader in", f"leader {leader_id}", current_time)
        if leader.phone:
            family = families.find_or_create(db, leader.phone, current_time)
            families.set_role(db, family, LEADER_FAMILY_ROLE)
            if has_text_consent:
                contacts.add(db, leader.phone, "sms", current_time)
                families.set_consent(db, family, LEADER_CONSENT_BASIS, current_time)
    return leader_id


def request_contact(runtime: Runtime, leader: CommunityLeader, reason: str, by: str) -> LeaderRequest | None:
    """Queue a reason for a contact. Return the waiting request that it joins, or None.

    Raises `LeaderAskedRecentlyError` if this leader was called within a week and no request waits.
    """
    current_time = now()
    with runtime.database.write() as db:
        last_request = community_leaders.find_last_completed_request(db, leader.id)
        last_done_at = last_request.done_at if last_request else None
        available_at = contact_rules.find_next_allowed_time(last_done_at)
        is_waiting = any(request.leader_id == leader.id for request in community_leaders.list_open_requests(db))
        if last_request and available_at and available_at > current_time and not is_waiting:
            raise LeaderAskedRecentlyError(last_request, available_at)
        waiting_request = community_leaders.add_request(db, leader.id, reason, by, current_time)
        audit_log.record(db, by, "asked for a leader", f"leader {leader.id}", current_time)
    return waiting_request


def complete_request(runtime: Runtime, request_id: int, by: str) -> bool:
    """Record the contact with the leader about this request and all that waited with it."""
    current_time = now()
    today = runtime.library.district.to_local_time(current_time).date()
    with runtime.database.write() as db:
        leader = community_leaders.complete_request(db, request_id, by, current_time)
        if leader is not None:
            community_leaders.record_contact(db, leader, today, contact_rules.find_next_call_day(today, today))
            audit_log.record(db, by, "talked with a leader", f"leader {leader}", current_time)
    return leader is not None


def remove_leader(runtime: Runtime, leader: CommunityLeader, by: str) -> None:
    """Remove a leader from the register for good."""
    current_time = now()
    with runtime.database.write() as db:
        community_leaders.remove(db, leader.id, current_time)
        if leader.phone:
            _remove_leader_role(runtime, db, leader.phone, current_time)
        audit_log.record(db, by, "took a leader out", f"leader {leader.id}", current_time)


def _remove_leader_role(runtime: Runtime, db: Transaction, phone: str, current_time: datetime) -> None:
    """Remove the role and the leader's consent from this number's family. Its own consent stays."""
    family = families.find_or_create(db, phone, current_time)
    families.set_role(db, family, "family")
    if families.get(db, family).consent_basis == LEADER_CONSENT_BASIS:
        families.set_consent(db, family, None, None)


def update_task(runtime: Runtime, task: LeaderTask, by: str) -> None:
    """Change the day, the owner, or the text of a task."""
    with runtime.database.write() as db:
        community_leaders.set_task(db, task, by)
        audit_log.record(db, by, "changed a leader task", f"leaders {task.kind}", now())
