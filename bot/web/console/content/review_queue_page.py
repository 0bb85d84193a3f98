"""Serve the pages about content that needs a review, and about the flows."""

from flask import abort, render_template

from bot.base.database import now
from bot.content.review_queue import list_tasks
from bot.flows.model import Flow
from bot.messaging import partner_directory
from bot.store.families import flow_stats
from bot.store.families.flow_stats import FlowStepId, StepStats
from bot.web.console.content.flow_drawing import draw_flow
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ACCOUNT_ROLES, allow_roles
from bot.web.core.current_runtime import get_runtime


@console.get("/content")
@allow_roles(*ACCOUNT_ROLES)
def content() -> str:
    """Show the facts, policies, and partners that need a review, with their owners, oldest first."""
    runtime, current_time = get_runtime(), now()
    today = runtime.library.district.to_local_time(current_time).date()
    checks = partner_directory.list_newest_checks(runtime, current_time)
    return render_template("console/content.html", tasks=list_tasks(runtime.library, today, checks), today=today)


@console.get("/flows")
@allow_roles(*ACCOUNT_ROLES)
def flows() -> str:
    """Show all flows. Those where most people stop come first."""
    runtime = get_runtime()
    stats, all_flows = flow_stats.load(runtime.redis, now()), runtime.library.flows.flows
    worst = {name: _find_worst_step(stats, name, flow) for name, flow in all_flows.items()}
    names = sorted(all_flows, key=lambda name: (-worst[name].drop_out_count, all_flows[name].title))
    return render_template("console/flows.html", flows=all_flows, names=names, worst=worst)


@console.get("/flows/<name>")
@allow_roles(*ACCOUNT_ROLES)
def flow(name: str) -> str:
    """Show the picture of one flow, and how many people stopped at each question."""
    runtime = get_runtime()
    flow_model = runtime.library.flows.flows.get(name)
    if flow_model is None:
        abort(404, _("There is no flow {name}.", name=name))
    stats = flow_stats.load(runtime.redis, now())
    step_stats = {step: stats.get((name, step), StepStats()) for step in flow_model.steps}
    picture = draw_flow(flow_model)
    return render_template("console/flow.html", flow=flow_model, name=name, picture=picture, stops=step_stats)


def _find_worst_step(stats: dict[FlowStepId, StepStats], name: str, flow: Flow) -> StepStats:
    """Return the counts of the step where most people stopped."""
    step_stats = (stats.get((name, step), StepStats()) for step in flow.steps)
    return max(step_stats, key=lambda counts: counts.drop_out_count)
