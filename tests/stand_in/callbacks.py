"""Post the status callbacks of each message as its CallbackPlan says.

Each callback gets one attempt. Twilio calls them best-effort, and by default retries only without a connection.
"""

import heapq
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlencode

from .ledger import Ledger, Step
from .payloads import status_form
from .records import Accepted, Callback, CallbackPlan
from .signing import sign
from .wire import post

Job = Callable[[], None]


class Postman:
    """Posts callbacks when they are due. It uses the monotonic clock, so frozen time doesn't stop it."""

    def __init__(self, ledger: Ledger, reach: Mapping[str, str]) -> None:
        self.ledger, self.reach = ledger, reach
        self._due: list[tuple[float, int, Job]] = []
        self._count, self._closed = 0, False
        self._wake = threading.Condition()
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="twilio-callback")
        threading.Thread(target=self._run, name="twilio-postman", daemon=True).start()

    def start(self, message: Accepted) -> None:
        """Schedule the callbacks of a message."""
        plan = self.ledger.plan_for(message)
        steps = self.ledger.steps(message)
        if plan.out_of_order:
            steps = steps[::-1]
        posts = [step for step in steps for _ in range(plan.copies)]
        if plan.together:
            for step in posts:
                self._later(plan.delay, partial(self._step, message, plan, [step]))
        else:
            self._later(plan.delay, partial(self._step, message, plan, posts))

    def close(self) -> None:
        """Drop the callbacks that aren't posted yet."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _step(self, message: Accepted, plan: CallbackPlan, posts: list[Step]) -> None:
        self.ledger.advance(message, posts[0])
        if message.status_callback and not plan.none:
            self._post(message, posts[0])
        if posts[1:]:
            self._later(plan.delay, partial(self._step, message, plan, posts[1:]))

    def _post(self, message: Accepted, step: Step) -> None:
        url = message.status_callback.split("#")[0]
        params = status_form(
            step[0],
            sid=message.sid,
            to=message.to,
            sender=message.sender,
            service=message.service,
            account_sid=self.ledger.account_sid,
            error_code=step[1],
            template=bool(message.content_sid),
            at=time.strftime("%y%m%d%H%M", time.gmtime()),
        )
        token = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{message.sid}/{step[0]}"))  # the same for each copy
        headers = {"X-Twilio-Signature": sign(self.ledger.auth_token, url, params), "I-Twilio-Idempotency-Token": token}
        answer = post(url, urlencode(params).encode(), headers, self.reach)
        self.ledger.note(Callback(url, params, token, answer.status, answer.text[:2000], time.time()))

    def _later(self, seconds: float, job: Job) -> None:
        self._pending(+1)
        with self._wake:
            self._count += 1
            heapq.heappush(self._due, (time.monotonic() + seconds, self._count, job))
            self._wake.notify()

    def _pending(self, change: int) -> None:
        with self.ledger.changed:
            self.ledger.pending += change
            self.ledger.changed.notify_all()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._pool.submit(self._done, job)
            except RuntimeError:
                return  # closed in the meantime

    def _next(self) -> Job | None:
        with self._wake:
            while not self._closed:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._wake.wait(wait)
        return None

    def _done(self, job: Job) -> None:
        try:
            job()
        finally:
            self._pending(-1)
