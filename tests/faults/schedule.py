"""Turn a seed into a schedule of faults and messages. Pure: a seed always gives the same schedule."""

import random
from dataclasses import dataclass

SPACING = 1.2
"""Seconds from one fault to the next; most last longer, so that they overlap."""
EMERGENCY = "ICE agents are at my door right now"
QUESTIONS = ("How do I enroll my child?", "What time does the bus come?", "menu", "necesito ayuda con la comida")
PARENTS, AUDIENCE = 24, 90
"""Families that write by themselves, and families that get an announcement."""
PARTS = ("web", "worker", "scheduler", "redis")
WRONG = ("429", "500", "503", "garbage", "garbage_after_accept")
SILENT = ("hang", "drop_before", "drop_after_accept")


@dataclass(frozen=True)
class Fault:
    """A fault: `at` seconds after the start, its target (`on`), its duration, and its count."""

    at: float
    kind: str
    on: str = ""
    seconds: float = 0.0
    count: int = 1


@dataclass(frozen=True)
class Act:
    """A message of a family from `sender`, or of staff who claim a case (`text` is TAKE)."""

    at: float
    sender: str
    text: str
    sid: str


@dataclass(frozen=True)
class Schedule:
    """Everything that follows from a seed."""

    seed: int
    faults: tuple[Fault, ...]
    acts: tuple[Act, ...]


def schedule(seed: int, faults: int) -> Schedule:
    """Build the schedule of this seed with this many faults: each kind at least once if possible, then by weight."""
    chance = random.Random(seed)
    kinds = [*KINDS, *chance.choices(list(KINDS), list(WEIGHTS.values()), k=max(0, faults - len(KINDS)))]
    chance.shuffle(kinds)
    struck = [_fault(chance, 2 + number * SPACING, kind) for number, kind in enumerate(kinds[:faults])]
    return Schedule(seed, tuple(struck), tuple(_acts(chance, seed, faults * SPACING)))


def audience(number: int) -> str:
    """Return the address of an announcement's family (tests/bench/broadcast.py adds them), counted from 1."""
    return f"+1217{number + 2_000_000:07d}"


WEIGHTS = {
    "kill": 9,
    "pause": 6,
    "restart": 3,
    "disk_full": 2,
    "redis_cut": 4,
    "database_cut": 3,
    "twilio_wrong": 4,
    "twilio_silent": 3,
    "twilio_slow": 2,
    "callbacks": 3,
    "clock_jump": 2,
}
KINDS = tuple(WEIGHTS)


def _fault(chance: random.Random, at: float, kind: str) -> Fault:
    seconds, count = chance.choice([0.5, 1, 2, 4, 7]), chance.choice([1, 2, 9])
    match kind:
        case "kill":
            return Fault(at, kind, chance.choice(["web", "worker", "worker", "scheduler", "redis", "all"]), 0, count)
        case "pause":
            on = chance.choice(["web", "worker", "worker", "scheduler", "redis"])
            long = on == "worker" and chance.random() < 0.3  # longer than a claim lasts
            return Fault(at, kind, on, 35 if long else seconds, count)
        case "restart":
            return Fault(at, kind, " ".join(chance.sample(PARTS, chance.randint(1, 4))), chance.uniform(0, 1))
        case "twilio_wrong":
            return Fault(at, kind, f"{chance.choice(WRONG)} {_call(chance)}", 0, chance.randint(1, 6))
        case "twilio_silent":
            return Fault(at, kind, f"{chance.choice(SILENT)} {_call(chance)}", 14, chance.randint(1, 3))
        case "twilio_slow":
            return Fault(
                at, kind, f"slow_after_accept {_call(chance)}", chance.choice([3, 8, 14]), chance.randint(1, 3)
            )
        case "callbacks":
            return Fault(at, kind, chance.choice(["lost", "late", "out of order", "three times"]), 2 * seconds)
        case "clock_jump":
            return Fault(at, kind, f"{chance.choice([-90, -45, 45, 90]):+d}", 3 * seconds)
        case _:
            return Fault(at, kind, "", seconds)


def _call(chance: random.Random) -> str:
    return chance.choice(["create", "create", "create", "list", "call"])


def _acts(chance: random.Random, seed: int, seconds: float) -> list[Act]:
    """Return emergencies, questions, opt-outs, and staff claims, spread over the time of the faults."""
    told = [(parent(number), EMERGENCY) for number in range(PARENTS) if number % 2]
    told += [(parent(number), "0") for number in range(0, PARENTS, 6)]
    told += [(parent(chance.randrange(0, PARENTS, 2)), chance.choice(QUESTIONS)) for _ in range(30)]
    told += [(audience(number), "STOP") for number in chance.sample(range(1, AUDIENCE + 1), 10)]
    told += [("+12175550143", "TAKE")] * 4
    chance.shuffle(told)
    return [
        Act(chance.uniform(1, seconds), sender, text, f"SM{seed:08x}{number:024x}")
        for number, (sender, text) in enumerate(told)
    ]


def parent(number: int) -> str:
    """Return the address of a family that writes by itself."""
    return f"+1217556{number:04d}" if number % 3 else f"whatsapp:+1217556{number:04d}"
