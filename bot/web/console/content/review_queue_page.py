"""The content that needs somebody: what is not said any more, and what soon will not be."""

from flask import abort, render_template

from bot.base.database import now
from bot.content.review_queue import list_tasks
from bot.flows.model import Flow
from bot.messaging import partner_directory
from bot.store.families import flow_stats
from bot.web.console.content.flow_drawing import draw_flow
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ACCOUNT_ROLES, allow_roles
from bot.web.core.current_runtime import get_runtime


@console.get("/content")
@allow_roles(*ACCOUNT_ROLES)
def content() -> str:
    """Facts, policies and partners to look at, with their owners, the oldest first."""
    library, at = get_runtime().library, now()
    today = library.district.to_local_time(at).date()
    due = list_tasks(library, today, partner_directory.list_newest_checks(get_runtime(), at))
    return render_template("console/content.html", tasks=due, today=today)


@console.get("/flows")
@allow_roles(*ACCOUNT_ROLES)
def flows() -> str:
    """All flows, those that stop most people first."""
    runtime = get_runtime()
    stops, listed = flow_stats.load(runtime.redis, now()), runtime.library.flows.flows
    worst = {name: _find_worst_step(stops, name, flow) for name, flow in listed.items()}
    names = sorted(listed, key=lambda name: (-worst[name].drop_out_count, listed[name].title))
    return render_template("console/flows.html", flows=listed, names=names, worst=worst)


@console.get("/flows/<name>")
@allow_roles(*ACCOUNT_ROLES)
def flow(name: str) -> str:
    """One flow, drawn, with how many people each question stopped."""
    runtime = get_runtime()
    found = runtime.library.flows.flows.get(name) or abort(404, _("There is no flow {name}.", name=name))
    counted = flow_stats.load(runtime.redis, now())
    stops = {step: counted.get((name, step), flow_stats.StepStats()) for step in found.steps}
    return render_template("console/flow.html", flow=found, name=name, picture=draw_flow(found), stops=stops)


def _find_worst_step(
    stops: dict[flow_stats.FlowStepId, flow_stats.StepStats], name: str, flow: Flow
) -> flow_stats.StepStats:
    """The figures of the question at which most people stopped."""
    return max(
        (stops.get((name, step), flow_stats.StepStats()) for step in flow.steps), key=lambda stop: stop.drop_out_count
    )
