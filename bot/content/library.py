"""Load the library once at the start: flows, facts, texts, catalogs, phrases, and the district, checked as a whole."""

from collections.abc import Callable, Mapping
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
from bot.content.spoken_texts import find_problems as find_spoken_text_problems
from bot.content.texts import TextId, TextsFile
from bot.encoders.selection import connect_encoder
from bot.flows.loader import FlowReferences, load_flows
from bot.flows.model import FlowSet, StrictModel
from bot.nlu import model
from bot.nlu.model import NluModel
from bot.nlu.own_texts import collect_own_sentences
from bot.nlu.phrasebook import Phrasebook, SignalFile

NON_FLOW_FILES = ("facts.yaml", "texts.yaml", "spoken.yaml")
MEDIA_DIR = "flows/media"
M = TypeVar("M", bound=StrictModel)
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Library:
    """All content of the district. It never changes while a process runs."""

    flows: FlowSet
    facts: dict[str, Fact]
    district_fact_ids: frozenset[str]
    texts: dict[TextId, str]
    catalogs: Catalogs
    phrasebook: Phrasebook
    district: District
    glossary: DistrictGlossary
    spoken_texts: Mapping[str, str] = field(default_factory=dict)
    """What callers hear instead of a text: written → spoken, in English."""
    machine_languages: frozenset[str] = frozenset()
    """Languages without a catalog that a family can choose, because a machine translates them."""

    @property
    def understood_languages(self) -> tuple[str, ...]:
        """The languages of the district, and the others that the classifier knows."""
        return tuple(dict.fromkeys((*self.district.languages, *self.phrasebook.nlu_model.lexicons)))


def add_other_languages(library: Library) -> Library:
    """Add the names of about 150 languages, for a district that allows machine translation."""
    catalog_languages = frozenset({SOURCE_LANGUAGE, *library.catalogs.texts})
    phrasebook = library.phrasebook
    names = {**other_languages.map_names_to_codes(catalog_languages), **phrasebook.names}
    others = frozenset(code for code in other_languages.OTHER_LANGUAGE_CODES if code not in catalog_languages)
    return replace(
        library,
        phrasebook=replace(phrasebook, names=names, languages=(*phrasebook.languages, *others)),
        machine_languages=others,
    )


def load_library(root: Path, district_file: Path, encoder_setting: str = "") -> Library:
    """Load the library of the checkout at `root`. Raises `SourceError` with every problem of every file.

    `encoder_setting` is the setting `ENCODER`. A problem with the encoder is no error: see `NluModel.encoder_problem`.
    """
    problems: list[Problem] = []
    district = _try_load(problems, lambda: _load_model(district_file, District))
    facts = _try_load(problems, lambda: _load_model(root / "flows/facts.yaml", FactsFile))
    texts = _try_load(problems, lambda: _load_texts(root / "flows/texts.yaml"))
    catalogs = _try_load(problems, lambda: load_catalogs(_read_files(root / "messages", "*.po")))
    phrasebook = _try_load(problems, lambda: _load_phrasebook(root, encoder_setting))
    terms = _try_load(problems, lambda: read_glossary(_parse_file(root / "messages/glossary.yaml")))
    spoken = _try_load(problems, lambda: _load_spoken_texts(root / "flows/spoken.yaml"))
    flow_files = _try_load(problems, lambda: _read_flow_files(root)) or {}
    references = _collect_known_names(root, district, facts)
    flows = _try_load(problems, lambda: load_flows(flow_files, references))
    if problems or not (district and facts and texts and catalogs and phrasebook and flows) or terms is None:
        raise SourceError(sorted(problems))
    all_facts = {**facts.facts, **district.facts}
    if broken_ids := [name for name, fact in all_facts.items() if not has_valid_placeholders(fact.text)]:
        file = "flows/facts.yaml" if broken_ids[0] in facts.facts else format_path(district_file)
        raise SourceError([Problem(file, 1, 1, f"a brace is not closed in the fact '{broken_ids[0]}': write {{name}}")])
    return Library(
        flows=flows,
        facts=all_facts,
        district_fact_ids=frozenset(facts.from_district),
        texts=texts.texts,
        catalogs=catalogs,
        phrasebook=replace(phrasebook, own_sentences=_collect_own_sentences(catalogs)),
        district=district,
        glossary=DistrictGlossary(terms, list_own_names(district)),
        spoken_texts=spoken or {},
    )


def _collect_own_sentences(catalogs: Catalogs) -> frozenset[str]:
    translations = (catalog_text.text for texts in catalogs.texts.values() for catalog_text in texts.values())
    sources = (source for texts in catalogs.texts.values() for source in texts)
    return collect_own_sentences((*sources, *translations))


def _load_spoken_texts(path: Path) -> dict[str, str]:
    source = _parse_file(path)
    pairs = source.parse_model(SpokenTextsFile)
    if problems := list(find_spoken_text_problems(source, pairs)):
        raise SourceError(problems)
    return pairs.build_mapping()


def _collect_known_names(root: Path, district: District | None, facts: FactsFile | None) -> FlowReferences:
    """Collect the names that flows can refer to. Names in a file that could not be read are reported as missing."""
    all_facts = roles = condition_names = frozenset[str]()
    if facts:
        all_facts = frozenset((*facts.facts, *facts.from_district))
    if district:
        roles = frozenset(district.on_call)
        condition_names = list_condition_names(district, all_facts)
    return FlowReferences(
        all_facts | LIVE_FACT_IDS,
        roles,
        condition_names,
        frozenset(path.name for path in (root / MEDIA_DIR).glob("*.*")),
    )


def _try_load(problems: list[Problem], load: Callable[[], R]) -> R | None:
    """Return what `load` returns. Collect its problems, so that the problems of all files appear together."""
    try:
        return load()
    except SourceError as error:
        problems += error.problems
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


def _load_phrasebook(root: Path, encoder_setting: str) -> Phrasebook:
    nlu_model = _load_nlu_model(root / "flows" / model.MODEL_FILENAME)
    return Phrasebook.build(
        read_signal_files(root / "flows/signals"), connect_encoder(nlu_model, encoder_setting, root / "flows")
    )


def read_signal_files(folder: Path) -> dict[str, SignalFile]:
    """Read the signal files by language. Raises `SourceError`."""
    return {path.stem: _parse_file(path).parse_model(SignalFile) for path in sorted(folder.glob("*.yaml"))}


def _load_nlu_model(path: Path) -> NluModel:
    try:
        return model.load_model(path)
    except (OSError, ValueError, KeyError) as error:
        problem = Problem(format_path(path), 1, 1, f"cannot be read ({error}): run 'make teach'")
        raise SourceError([problem]) from None


def _read_flow_files(root: Path) -> dict[str, str]:
    texts = {}
    for path in sorted((root / "flows").glob("*.yaml")):
        if path.name not in NON_FLOW_FILES:
            texts[format_path(path)] = decode_source(path.read_bytes(), format_path(path))
    return texts


def _read_files(folder: Path, pattern: str) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(folder.glob(pattern))}


def format_path(path: Path) -> str:
    """Return the path relative to the working directory, if it is below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
