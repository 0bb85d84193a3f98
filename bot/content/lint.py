"""`bot check`: what is wrong (errors), and what a person should look at soon (warnings), in catalogs and facts."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from babel.messages.catalog import Catalog, Message

from bot.base.yaml_source import SourceError, parse_yaml
from bot.content.catalog import SOURCE_LANGUAGE, has_all_forms, parse_po
from bot.content.catalog_stats import count_long_texts
from bot.content.library import Library
from bot.content.review_queue import list_tasks
from bot.content.spoken_texts import find_orphans
from bot.flows.loader import find_placeholders

FAMILY_TEMPLATE_PATH, CONSOLE_TEMPLATE_PATH = Path("messages/messages.pot"), Path("bot/web/console/words/console.pot")
"""What is translated for families, and of the pages for staff; the catalogs stand beside each."""
SPOKEN_TEXTS_PATH = Path("flows/spoken.yaml")
MAX_CATALOG_TEXT_CHARACTERS = 1500
"""The longest text that fits one message (twilio.md, 21617), with room for what is filled in."""


def find_content_problems(root: Path, library: Library, today: date | None = None) -> tuple[list[str], list[str]]:
    """(errors, warnings), each as `file:line:col: message`."""
    errors: list[str] = []
    warnings: list[str] = []
    for template, languages in (
        (FAMILY_TEMPLATE_PATH, library.district.languages),
        (CONSOLE_TEMPLATE_PATH, _list_console_languages(root)),
    ):
        messages = [message for message in parse_po("en", (root / template).read_bytes()) if message.id]
        for language in languages:
            if language != SOURCE_LANGUAGE:
                catalog_errors, catalog_warnings = _check_catalog(
                    root, f"{template.parent}/{language}.po", language, messages
                )
                errors += catalog_errors
                warnings += catalog_warnings
    source = parse_yaml((root / SPOKEN_TEXTS_PATH).read_text(encoding="utf-8"), str(SPOKEN_TEXTS_PATH))
    errors += map(str, find_orphans(source, library.flows, library.texts.values(), library.facts))
    warnings += count_long_texts(root, library.district.languages)
    warnings += _list_overdue_tasks(library, today or date.today())
    return errors, warnings


def _list_console_languages(root: Path) -> list[str]:
    return sorted(path.stem for path in (root / CONSOLE_TEMPLATE_PATH).parent.glob("*.po"))


def _check_catalog(root: Path, file: str, language: str, messages: list[Message]) -> tuple[list[str], list[str]]:
    path = root / file
    if not path.exists():
        return [f"{file}:1:1: the district lists '{language}': draft this catalog"], []
    try:
        catalog = parse_po(language, path.read_bytes())
    except SourceError as bad:
        return [f"{file}:{problem.line}:{problem.column}: {problem.message}" for problem in bad.problems], []
    errors = list(_check_texts(file, language, catalog, messages))
    fuzzy_count = sum(1 for message in catalog if message.id and message.fuzzy)
    warning = f"{file}:1:1: {fuzzy_count} of {len(messages)} texts are drafts that no person has reviewed"
    return errors, [warning] if fuzzy_count else []


def _check_texts(file: str, language: str, catalog: Catalog, messages: list[Message]) -> Iterator[str]:
    for source in messages:
        entry = catalog.get(source.id)
        location = f"{file}:{entry.lineno if entry and entry.lineno else 1}:1"
        if entry is None or not _is_drafted(entry.string):
            yield f"{location}: not drafted yet: {source.id!r}"
        elif entry.previous_id:
            yield f"{location}: its English was edited: adapt it, and remove the line '#| msgid': {source.id!r}"
        elif source.pluralizable and not has_all_forms(catalog, entry.string):
            forms = f"{catalog.num_plurals} forms ({catalog.plural_expr})"
            yield f"{location}: {language} needs {forms}, one is missing: {source.id!r}"
        else:
            yield from (f"{location}: {problem}" for problem in _check_text(source, entry))


def _check_text(source: Message, entry: Message) -> Iterator[str]:
    try:
        mismatched = _find_placeholders(source.id) ^ _find_placeholders(entry.string)
    except ValueError as error:
        yield f"a brace is not closed ({error}): write {{name}}"
        return
    if mismatched:
        yield f"{{{'}, {'.join(sorted(mismatched))}}} must stand in both the English and the translation"
    if max(len(text) for text in _list_forms(entry.string)) > MAX_CATALOG_TEXT_CHARACTERS:
        yield f"longer than {MAX_CATALOG_TEXT_CHARACTERS} characters: say it in fewer words"


def _is_drafted(text: object) -> bool:
    return any(_list_forms(text))


def _list_forms(text: object) -> tuple[str, ...]:
    """A text's forms; a text that depends on no number has one."""
    return tuple(str(form) for form in text) if isinstance(text, (tuple, list)) else (str(text or ""),)


def _find_placeholders(text: object) -> frozenset[str]:
    return frozenset().union(*(find_placeholders(form) for form in _list_forms(text)))


def _list_overdue_tasks(library: Library, today: date) -> Iterator[str]:
    for task in list_tasks(library, today):
        if task.is_overdue(today):
            file = (
                "flows/facts.yaml"
                if task.subject.startswith("fact ") and "facts.yaml" in task.todo
                else "district.yaml"
            )
            yield f"{file}:1:1: {task.subject} is {task.effect} now ({task.owner}): {task.todo}"
