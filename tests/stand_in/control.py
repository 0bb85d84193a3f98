"""Read the records and arrange faults from another process: `/_control/…`, with JSON both ways and no password."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from .ledger import Ledger
from .records import CallbackPlan


def answer(ledger: Ledger, path: str, raw: bytes) -> tuple[int, object]:
    """Return the status and the document of a control route.

    GET: messages, calls, requests, callbacks, pending, media.
    POST: fail_next, calm, number, opt_out, close_window, heard_from, plan, put_media.

    A POST takes the arguments of the Ledger's method with the same name. `plan` takes those of CallbackPlan, and
    `put_media` a SID and the seconds before the download begins.
    """
    name = path.removeprefix("/_control/")
    records: dict[str, list[Any]] = {
        "messages": ledger.messages,
        "calls": ledger.calls,
        "requests": ledger.requests,
        "callbacks": ledger.callbacks,
    }
    if name == "pending":
        return 200, ledger.pending
    if name == "media":
        return 200, {"files": sorted(ledger.media.files), "asked": [asdict(request) for request in ledger.media.asked]}
    if name in records:
        with ledger.changed:
            return 200, [asdict(record) for record in records[name]]
    actions: dict[str, Callable[..., None]] = {
        "fail_next": ledger.fail_next,
        "calm": ledger.calm,
        "number": ledger.number,
        "opt_out": ledger.opt_out,
        "close_window": ledger.close_window,
        "heard_from": ledger.heard_from,
        "put_media": lambda sid, seconds: ledger.media.put(b"OggS", sid=sid, seconds=seconds) and None,
        "plan": lambda **options: setattr(ledger, "plan", CallbackPlan(**options)),
    }
    if name not in actions:
        return 404, {"problem": f"no control route {name}"}
    try:
        actions[name](**json.loads(raw or b"{}"))
    except (TypeError, ValueError) as problem:
        return 400, {"problem": str(problem)}
    return 200, {}
