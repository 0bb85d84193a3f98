"""The content that needs somebody: what is not said any more, and what soon will not be."""

from flask import abort, render_template

from bot.base.database import now
from bot.content.review_queue import tasks
from bot.flows.model import Flow
from bot.messaging import partner_directory
from bot.store.families import flow_stats
from bot.web.console.content.flow_drawing import picture
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ROLES, allowed
from bot.web.core.current_runtime import services


@console.get("/content")
@allowed(*ROLES)
def content() -> str:
    """Facts, policies and partners to look at, with their owners, the oldest first."""
    library, at = services().library, now()
    today = library.district.local(at).date()
    due = tasks(library, today, partner_directory.checks(services(), at))
    return render_template("console/content.html", tasks=due, today=today)


@console.get("/flows")
@allowed(*ROLES)
def flows() -> str:
    """All flows, those that stop most people first."""
    here = services()
    stops, listed = flow_stats.read(here.redis, now()), here.library.flows.flows
    worst = {name: _worst(stops, name, flow) for name, flow in listed.items()}
    names = sorted(listed, key=lambda name: (-worst[name].silent, listed[name].title))
    return render_template("console/flows.html", flows=listed, names=names, worst=worst)


@console.get("/flows/<name>")
@allowed(*ROLES)
def flow(name: str) -> str:
    """One flow, drawn, with how many people each question stopped."""
    here = services()
    found = here.library.flows.flows.get(name) or abort(404, _("There is no flow {name}.", name=name))
    counted = flow_stats.read(here.redis, now())
    stops = {step: counted.get((name, step), flow_stats.Stop()) for step in found.steps}
    return render_template("console/flow.html", flow=found, name=name, picture=picture(found), stops=stops)


def _worst(stops: dict[flow_stats.Place, flow_stats.Stop], name: str, flow: Flow) -> flow_stats.Stop:
    """The figures of the question at which most people stopped."""
    return max((stops.get((name, step), flow_stats.Stop()) for step in flow.steps), key=lambda stop: stop.silent)
