"""The library: flows, facts, texts, catalogs, phrases and the district, read once at start and checked whole."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, get_args

from bot.base.yaml_source import Problem, Source, SourceError, decode_source, parse_yaml
from bot.content import other_languages
from bot.content.catalog import SOURCE_LANGUAGE, Catalogs, has_valid_placeholders, load_catalogs
from bot.content.condition_names import list_condition_names
from bot.content.district import District
from bot.content.facts import LIVE_FACT_IDS, Fact, FactsFile
from bot.content.glossary import DistrictGlossary, list_own_names, read_glossary
from bot.content.spoken_texts import SpokenTextsFile
from bot.content.spoken_texts import find_problems as unspoken
from bot.content.texts import TextId, TextsFile
from bot.flows.loader import FlowReferences, load_flows
from bot.flows.model import FlowSet, StrictModel
from bot.nlu import model
from bot.nlu.model import NluModel
from bot.nlu.phrasebook import Phrasebook, SignalFile

NON_FLOW_FILES = ("facts.yaml", "texts.yaml", "spoken.yaml")
MEDIA_DIR = "flows/media"
M = TypeVar("M", bound=StrictModel)
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Library:
    """Everything that is said and by whom it is answered.  Never changed while the program runs."""

    flows: FlowSet
    facts: dict[str, Fact]
    district_fact_ids: frozenset[str]
    texts: dict[TextId, str]
    catalogs: Catalogs
    phrasebook: Phrasebook
    district: District
    glossary: DistrictGlossary
    spoken_texts: Mapping[str, str] = field(default_factory=dict)
    """What callers hear instead of a text: written → said, in English."""
    machine_languages: frozenset[str] = frozenset()
    """Languages that a family may choose although they have no catalog: a machine drafts them."""

    @property
    def understood_languages(self) -> tuple[str, ...]:
        """Those that the district answers in, and those that the phrases taught besides."""
        return tuple(dict.fromkeys((*self.district.languages, *self.phrasebook.nlu_model.lexicons)))


def add_other_languages(library: Library) -> Library:
    """The library of a district that lets a machine draft: it knows the names of some 150 more languages."""
    catalog_languages = frozenset({SOURCE_LANGUAGE, *library.catalogs.texts})
    phrasebook = library.phrasebook
    names = {**other_languages.map_names_to_codes(catalog_languages), **phrasebook.names}
    others = frozenset(code for code in other_languages.OTHER_LANGUAGE_CODES if code not in catalog_languages)
    return replace(
        library,
        phrasebook=replace(phrasebook, names=names, languages=(*phrasebook.languages, *others)),
        machine_languages=others,
    )


def load_library(root: Path, district_file: Path) -> Library:
    """The library of the checkout at `root`.  Raises `BadSource` with every problem of every file."""
    problems: list[Problem] = []
    district = _try_load(problems, lambda: _load_model(district_file, District))
    facts = _try_load(problems, lambda: _load_model(root / "flows/facts.yaml", FactsFile))
    texts = _try_load(problems, lambda: _load_texts(root / "flows/texts.yaml"))
    catalogs = _try_load(problems, lambda: load_catalogs(_read_files(root / "messages", "*.po")))
    phrasebook = _try_load(problems, lambda: _load_phrasebook(root))
    terms = _try_load(problems, lambda: read_glossary(_parse_file(root / "messages/glossary.yaml")))
    spoken = _try_load(problems, lambda: _load_spoken_texts(root / "flows/spoken.yaml"))
    flow_files = (
        _try_load(problems, lambda: {name: decode_source(data, name) for name, data in _list_flow_files(root)}) or {}
    )
    known_names = _collect_known_names(root, district, facts)
    flows = _try_load(problems, lambda: load_flows(flow_files, known_names))
    if problems or not (district and facts and texts and catalogs and phrasebook and flows) or terms is None:
        raise SourceError(sorted(problems))
    all_facts = {**facts.facts, **district.facts}
    if broken_ids := [name for name, fact in all_facts.items() if not has_valid_placeholders(fact.text)]:
        file = "flows/facts.yaml" if broken_ids[0] in facts.facts else format_path(district_file)
        raise SourceError([Problem(file, 1, 1, f"a brace is not closed in the fact '{broken_ids[0]}': write {{name}}")])
    district_fact_ids, glossary = frozenset(facts.from_district), DistrictGlossary(terms, list_own_names(district))
    return Library(
        flows, all_facts, district_fact_ids, texts.texts, catalogs, phrasebook, district, glossary, spoken or {}
    )


def _load_spoken_texts(path: Path) -> dict[str, str]:
    source = _parse_file(path)
    pairs = source.parse_model(SpokenTextsFile)
    if problems := list(unspoken(source, pairs)):
        raise SourceError(problems)
    return pairs.build_mapping()


def _collect_known_names(root: Path, district: District | None, facts: FactsFile | None) -> FlowReferences:
    """What the flows may name; where a file could not be read, what stands in it is missed as well."""
    all_facts = frozenset((*facts.facts, *facts.from_district)) if facts else frozenset()
    roles = frozenset(district.on_call) if district else frozenset()
    condition_names = list_condition_names(district, all_facts) if district else frozenset()
    return FlowReferences(
        all_facts | LIVE_FACT_IDS,
        roles,
        condition_names,
        frozenset(path.name for path in (root / MEDIA_DIR).glob("*.*")),
    )


def _try_load(problems: list[Problem], load: Callable[[], R]) -> R | None:
    """What `load` gives; its problems are kept, so that all files' problems are told at once."""
    try:
        return load()
    except SourceError as bad:
        problems += bad.problems
        return None


def _load_model(path: Path, model_class: type[M]) -> M:
    return _parse_file(path).parse_model(model_class)


def _parse_file(path: Path) -> Source:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError([Problem(str(path), 1, 1, f"cannot be read: {error.strerror}")]) from None
    return parse_yaml(decode_source(data, format_path(path)), format_path(path))


def _load_texts(path: Path) -> TextsFile:
    texts = _load_model(path, TextsFile)
    missing_ids = [name for name in get_args(TextId) if name not in texts.texts]
    if missing_ids:
        raise SourceError([Problem(format_path(path), 1, 1, f"the text '{missing_ids[0]}' is missing: add it")])
    broken_ids = [name for name, text in texts.texts.items() if not has_valid_placeholders(text)]
    if broken_ids:
        raise SourceError(
            [Problem(format_path(path), 1, 1, f"a brace is not closed in '{broken_ids[0]}': write {{name}}")]
        )
    return texts


def _load_phrasebook(root: Path) -> Phrasebook:
    files = {}
    for path in sorted((root / "flows/signals").glob("*.yaml")):
        source = _parse_file(path)
        files[path.stem] = source.parse_model(SignalFile)
    return Phrasebook.build(files, _load_nlu_model(root / "flows" / model.MODEL_FILENAME))


def _load_nlu_model(path: Path) -> NluModel:
    try:
        return model.load_model(path)
    except (OSError, ValueError, KeyError) as error:
        problem = Problem(format_path(path), 1, 1, f"cannot be read ({error}): run 'make teach'")
        raise SourceError([problem]) from None


def _list_flow_files(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted((root / "flows").glob("*.yaml")):
        if path.name not in NON_FLOW_FILES:
            yield format_path(path), path.read_bytes()


def _read_files(folder: Path, pattern: str) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(folder.glob(pattern))}


def format_path(path: Path) -> str:
    """A path as a person would type it from the checkout."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
