"""The content that needs somebody: what is not said any more, and what soon will not be."""

from flask import abort, render_template

from bot.content.upkeep import tasks
from bot.conversation.flow import Flow
from bot.messaging import directory
from bot.store import walks
from bot.store.db import now
from bot.web.console.access import ROLES, allowed
from bot.web.console.drawing import picture
from bot.web.console.pages import console
from bot.web.console.words import _
from bot.web.here import services


@console.get("/content")
@allowed(*ROLES)
def content() -> str:
    """Facts, policies and partners to look at, with their owners, the oldest first."""
    library, at = services().library, now()
    today = library.district.local(at).date()
    due = tasks(library, today, directory.checks(services(), at))
    return render_template("console/content.html", tasks=due, today=today)


@console.get("/flows")
@allowed(*ROLES)
def flows() -> str:
    """All flows, those that stop most people first."""
    here = services()
    stops, listed = walks.read(here.redis, now()), here.library.flows.flows
    worst = {name: _worst(stops, name, flow) for name, flow in listed.items()}
    names = sorted(listed, key=lambda name: (-worst[name].silent, listed[name].title))
    return render_template("console/flows.html", flows=listed, names=names, worst=worst)


@console.get("/flows/<name>")
@allowed(*ROLES)
def flow(name: str) -> str:
    """One flow, drawn, with how many people each question stopped."""
    here = services()
    found = here.library.flows.flows.get(name) or abort(404, _("There is no flow {name}.", name=name))
    counted = walks.read(here.redis, now())
    stops = {step: counted.get((name, step), walks.Stop()) for step in found.steps}
    return render_template("console/flow.html", flow=found, name=name, picture=picture(found), stops=stops)


def _worst(stops: dict[walks.Place, walks.Stop], name: str, flow: Flow) -> walks.Stop:
    """The figures of the question at which most people stopped."""
    return max((stops.get((name, step), walks.Stop()) for step in flow.steps), key=lambda stop: stop.silent)
