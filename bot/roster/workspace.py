"""What an import must remember across a whole file: in a temporary SQLite file, not in memory.

SQLite makes the file readable for its owner alone and takes its name away as it opens it: it is gone with the process,
even after a kill.  In it are ids of the district's own system, ids of schools and keyed hashes; no name, no number.
"""

import sqlite3
from collections.abc import Iterable

NEW_FAMILY, CHANGED_FAMILY, UNCHANGED_FAMILY = 0, 1, 2


class ImportWorkspace:
    """Joins OneRoster's files, and counts each family once."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            """
            PRAGMA journal_mode = OFF;
            CREATE TABLE org (id TEXT PRIMARY KEY, school TEXT) WITHOUT ROWID;
            CREATE TABLE role (person TEXT, kind TEXT, org TEXT, PRIMARY KEY (person, kind, org)) WITHOUT ROWID;
            CREATE TABLE gone (person TEXT PRIMARY KEY) WITHOUT ROWID;
            CREATE TABLE link (one TEXT, other TEXT, PRIMARY KEY (one, other)) WITHOUT ROWID;
            CREATE TABLE met (person TEXT PRIMARY KEY, what INTEGER) WITHOUT ROWID;
            CREATE TABLE named (person TEXT, school TEXT, was INTEGER, PRIMARY KEY (person, school)) WITHOUT ROWID;
            BEGIN;
            """
        )

    def close(self) -> None:
        """Forget all of it."""
        self._db.close()

    def add_org(self, org: str, school: str | None) -> None:
        """An organization, with the district's school that it is."""
        self._db.execute("INSERT OR REPLACE INTO org VALUES (?, ?)", (org, school))

    def add_role(self, person: str, kind: str, org: str) -> None:
        """What somebody is, where."""
        self._db.execute("INSERT OR IGNORE INTO role VALUES (?, ?, ?)", (person, kind, org))

    def mark_gone(self, person: str) -> None:
        """Somebody whom the file marks as no longer there."""
        self._db.execute("INSERT OR IGNORE INTO gone VALUES (?)", (person,))

    def link_people(self, person: str, other: str) -> None:
        """Two people who belong together, a student and an agent; which is which is known later."""
        self._db.executemany("INSERT OR IGNORE INTO link VALUES (?, ?)", ((person, other), (other, person)))

    def list_role_kinds(self, person: str) -> set[str]:
        """All that somebody is."""
        return {kind for (kind,) in self._db.execute("SELECT DISTINCT kind FROM role WHERE person = ?", (person,))}

    def is_gone(self, person: str) -> bool:
        """Whether the file marks them as no longer there."""
        return self._db.execute("SELECT 1 FROM gone WHERE person = ?", (person,)).fetchone() is not None

    def list_schools(self, person: str, kind: str) -> list[str]:
        """The schools where somebody is this, and those of the students they are an agent of."""
        query = """
            SELECT school FROM role JOIN org ON org.id = role.org WHERE person = :person AND kind = :kind
            UNION
            SELECT school FROM link JOIN role ON role.person = link.other JOIN org ON org.id = role.org
            WHERE link.one = :person AND kind = 'student' AND :kind = 'family'
              AND NOT EXISTS (SELECT 1 FROM gone WHERE gone.person = link.other)
        """
        rows = self._db.execute(query, {"person": person, "kind": kind})
        return sorted(school for (school,) in rows if school)

    def list_missing_orgs(self) -> list[str]:
        """Organizations that people belong to, but that no orgs file has."""
        query = "SELECT DISTINCT org FROM role WHERE org <> '' AND org NOT IN (SELECT id FROM org)"
        return [org for (org,) in self._db.execute(query)]

    def record_families(self, families: Iterable[tuple[str, int]]) -> None:
        """Families (their keyed hash) of a batch: `NEW`, `CHANGED` or `UNCHANGED`; the first of these that was said."""
        self._db.executemany(
            "INSERT INTO met VALUES (?, ?) ON CONFLICT DO UPDATE SET what = min(what, excluded.what)", families
        )

    def count_families(self, status: int) -> int:
        """How many families were."""
        count: int = self._db.execute("SELECT COUNT(*) FROM met WHERE what = ?", (status,)).fetchone()[0]
        return count

    def record_placements(self, places: Iterable[tuple[str, str, bool]]) -> None:
        """A trial's memory: families at schools, and whether they had them already."""
        self._db.executemany("INSERT OR IGNORE INTO named VALUES (?, ?, ?)", places)

    def list_placements(self, person: str) -> list[str]:
        """The schools that the trial has named for this family."""
        return [school for (school,) in self._db.execute("SELECT school FROM named WHERE person = ?", (person,))]

    def count_existing_placements(self) -> int:
        """How many of the places that the trial named were there before."""
        count: int = self._db.execute("SELECT COUNT(*) FROM named WHERE was").fetchone()[0]
        return count
