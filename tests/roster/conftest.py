"""Import a roster from a file into a real database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.roster import ImportReport, RosterFinding, RosterImportOptions, import_files
from bot.runtime import Runtime
from bot.store.families import families
from bot.store.families.consent_events import ConsentEvent, list_history
from bot.store.families.contacts import Contact, contacts, find

Importer = Callable[..., ImportReport]


class Roster:
    """Imports texts and reads what is stored for a number."""

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self.runtime, self.folder = runtime, folder
        self.findings: list[RosterFinding] = []
        self.said: list[str] = []

    def file(self, content: str | bytes, name: str = "roster.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def read(self, *files: str | bytes | Path, **options: Any) -> ImportReport:
        paths = [one if isinstance(one, Path) else self.file(one, f"roster{at}.csv") for at, one in enumerate(files)]
        self.findings.clear()
        self.said.clear()
        return import_files(self.runtime, paths, RosterImportOptions(**options), self.said.append, self.findings.append)

    @property
    def bad(self) -> list[str]:
        return [str(one) for one in self.findings if one.is_bad]

    @property
    def warnings(self) -> list[str]:
        return [str(one) for one in self.findings if not one.is_bad]

    def contact(self, address: str) -> Contact | None:
        with self.runtime.database.read() as db:
            return find(db, address)

    def family(self, number: str) -> families.Family:
        with self.runtime.database.read() as db:
            key = families.families.c.person_index == self.runtime.compute_lookup_hash(number)
            return families.get(db, db.execute(select(families.families.c.id).where(key)).scalar_one())

    def schools(self, number: str) -> list[str]:
        with self.runtime.database.read() as db:
            return families.list_schools(db, self.family(number).id)

    def events(self, number: str) -> list[ConsentEvent]:
        with self.runtime.database.read() as db:
            return list_history(db, [number, f"whatsapp:{number}"])

    def numbers(self) -> set[str]:
        """Return every number with a family."""
        vault = self.runtime.database.vault
        with self.runtime.database.read() as db:
            rows = db.execute(select(contacts.c.sealed_address, contacts.c.address_index)).all()
        opened = (vault.decrypt(row.sealed_address, f"contact:address:{row.address_index}") for row in rows)
        return {address.removeprefix("whatsapp:") for address in opened}

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return everything stored, except which import named it last."""
        with self.runtime.database.read() as db:
            tables = ("families", "contacts", "family_tags", "consent_events")
            found = {
                name: [tuple(row) for row in db.exec_driver_sql(f"SELECT * FROM {name} ORDER BY 1, 2")]
                for name in tables
            }
            places = db.exec_driver_sql("SELECT family_id, school, source FROM family_schools ORDER BY 1, 2")
            return {**found, "family_schools": [tuple(row) for row in places]}


@pytest.fixture
def roster(runtime: Runtime, tmp_path: Path) -> Roster:
    return Roster(runtime, tmp_path)
