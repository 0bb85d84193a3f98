"""Check catalogs and facts for `bot check`: errors, and warnings that a person should look at soon."""

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
"""The texts for families and those of the console. Each template is in the folder of its catalogs."""
SPOKEN_TEXTS_PATH = Path("flows/spoken.yaml")
MAX_CATALOG_TEXT_CHARACTERS = 1500
"""The longest text that fits one message (twilio.md, 21617), with room for the values of placeholders."""


def find_content_problems(root: Path, library: Library, today: date | None = None) -> tuple[list[str], list[str]]:
    """Return (errors, warnings), each as `file:line:col: message`."""
    errors: list[str] = []
    warnings: list[str] = []
    for template, languages in (
        (FAMILY_TEMPLATE_PATH, library.district.languages),
        (CONSOLE_TEMPLATE_PATH, _list_console_languages(root)),
    ):
        messages = [message for message in parse_po("en", (root / template).read_bytes()) if message.id]
        for language in languages:
            if language == SOURCE_LANGUAGE:
                continue
            file = f"{template.parent}/{language}.po"
            catalog_errors, catalog_warnings = _check_catalog(root, file, language, messages)
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
        return [f"{file}:1:1: the district lists '{language}': create this catalog"], []
    try:
        catalog = parse_po(language, path.read_bytes())
    except SourceError as error:
        return [f"{file}:{problem.line}:{problem.column}: {problem.message}" for problem in error.problems], []
    errors = list(_check_texts(file, language, catalog, messages))
    fuzzy_count = sum(1 for message in catalog if message.id and message.fuzzy)
    if not fuzzy_count:
        return errors, []
    return errors, [f"{file}:1:1: {fuzzy_count} of {len(messages)} texts are drafts that no person has reviewed"]


def _check_texts(file: str, language: str, catalog: Catalog, messages: list[Message]) -> Iterator[str]:
    for source in messages:
        entry = catalog.get(source.id)
        line = (entry.lineno if entry else None) or 1
        location = f"{file}:{line}:1"
        if entry is None or not any(_list_forms(entry.string)):
            yield f"{location}: not translated yet: {source.id!r}"
        elif entry.previous_id:
            yield f"{location}: the English changed: update it, and remove the line '#| msgid': {source.id!r}"
        elif source.pluralizable and not has_all_forms(catalog, entry.string):
            forms = f"{catalog.num_plurals} forms ({catalog.plural_expr})"
            yield f"{location}: {language} needs {forms}, and one is missing: {source.id!r}"
        else:
            yield from (f"{location}: {problem}" for problem in _check_text(source, entry))


def _check_text(source: Message, entry: Message) -> Iterator[str]:
    try:
        mismatched = _find_placeholders(source.id) ^ _find_placeholders(entry.string)
    except ValueError as error:
        yield f"a brace is not closed ({error}): write {{name}}"
        return
    if mismatched:
        yield f"{{{'}, {'.join(sorted(mismatched))}}} must be in both the English and the translation"
    if max(len(text) for text in _list_forms(entry.string)) > MAX_CATALOG_TEXT_CHARACTERS:
        yield f"longer than {MAX_CATALOG_TEXT_CHARACTERS} characters: use fewer words"


def _list_forms(text: object) -> tuple[str, ...]:
    """List the plural forms of a text, or the text if it has none."""
    if isinstance(text, (tuple, list)):
        return tuple(str(form) for form in text)
    return (str(text or ""),)


def _find_placeholders(text: object) -> frozenset[str]:
    return frozenset().union(*(find_placeholders(form) for form in _list_forms(text)))


def _list_overdue_tasks(library: Library, today: date) -> Iterator[str]:
    for task in list_tasks(library, today):
        if not task.is_overdue(today):
            continue
        file = "district.yaml"
        if task.subject.startswith("fact ") and "facts.yaml" in task.todo:
            file = "flows/facts.yaml"
        yield f"{file}:1:1: {task.subject} is {task.effect} now ({task.owner}): {task.todo}"
