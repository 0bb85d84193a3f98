"""Store what an import must remember across a whole file in a temporary SQLite file instead of memory.

SQLite makes the file readable only by its owner and unlinks it at once. The file therefore disappears with the process,
even after a kill. It contains IDs of the district's system, school IDs, and keyed hashes, but no name or number.
"""

import sqlite3
from collections.abc import Iterable

NEW_FAMILY, CHANGED_FAMILY, UNCHANGED_FAMILY = 0, 1, 2


class ImportWorkspace:
    """Joins the OneRoster files and counts each family once."""

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
        """Delete the workspace."""
        self._db.close()

    def add_org(self, org: str, school: str | None) -> None:
        """Add an organization with its school in the district file, or None."""
        self._db.execute("INSERT OR REPLACE INTO org VALUES (?, ?)", (org, school))

    def add_role(self, person: str, kind: str, org: str) -> None:
        """Add the role of a person in an organization."""
        self._db.execute("INSERT OR IGNORE INTO role VALUES (?, ?, ?)", (person, kind, org))

    def mark_gone(self, person: str) -> None:
        """Record that the file marks a person as having left."""
        self._db.execute("INSERT OR IGNORE INTO gone VALUES (?)", (person,))

    def link_people(self, person: str, other: str) -> None:
        """Link a student and an agent, in any order."""
        self._db.executemany("INSERT OR IGNORE INTO link VALUES (?, ?)", ((person, other), (other, person)))

    def list_role_kinds(self, person: str) -> set[str]:
        """Return all roles of a person."""
        return {kind for (kind,) in self._db.execute("SELECT DISTINCT kind FROM role WHERE person = ?", (person,))}

    def is_gone(self, person: str) -> bool:
        """Return whether the file marks a person as having left."""
        return self._db.execute("SELECT 1 FROM gone WHERE person = ?", (person,)).fetchone() is not None

    def list_schools(self, person: str, kind: str) -> list[str]:
        """List the schools where a person has this role, and those of the person's linked students."""
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
        """List organizations that have members but are in no orgs file."""
        query = "SELECT DISTINCT org FROM role WHERE org <> '' AND org NOT IN (SELECT id FROM org)"
        return [org for (org,) in self._db.execute(query)]

    def record_families(self, families: Iterable[tuple[str, int]]) -> None:
        """Record families by keyed hash with their status. The lowest status of a family wins: new, then changed."""
        self._db.executemany(
            "INSERT INTO met VALUES (?, ?) ON CONFLICT DO UPDATE SET what = min(what, excluded.what)", families
        )

    def count_families(self, status: int) -> int:
        """Count the families with this status."""
        count: int = self._db.execute("SELECT COUNT(*) FROM met WHERE what = ?", (status,)).fetchone()[0]
        return count

    def record_placements(self, placements: Iterable[tuple[str, str, bool]]) -> None:
        """Record for a dry run which families belong to which schools, and whether they did before."""
        self._db.executemany("INSERT OR IGNORE INTO named VALUES (?, ?, ?)", placements)

    def list_placements(self, person: str) -> list[str]:
        """List the schools of this family that the dry run recorded."""
        return [school for (school,) in self._db.execute("SELECT school FROM named WHERE person = ?", (person,))]

    def count_existing_placements(self) -> int:
        """Count the recorded placements that existed before the dry run."""
        count: int = self._db.execute("SELECT COUNT(*) FROM named WHERE was").fetchone()[0]
        return count
