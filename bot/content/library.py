"""The library: flows, facts, texts, catalogs, phrases and the district, read once at start and checked whole."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, get_args

from bot.base.yaml_source import BadSource, Problem, Source, decoded, parse
from bot.content import other_languages
from bot.content.catalog import SOURCE_LANGUAGE, Catalogs, fillable, load_catalogs
from bot.content.condition_names import names
from bot.content.district import District
from bot.content.facts import OF_THE_MOMENT, Fact, Facts
from bot.content.glossary import Agreed, own_names, read_glossary
from bot.content.spoken_texts import Spoken
from bot.content.spoken_texts import problems as unspoken
from bot.content.texts import TextId, Texts
from bot.flows.loader import Known, load_flows
from bot.flows.model import FlowSet, Model
from bot.nlu import model
from bot.nlu.model import Taught
from bot.nlu.phrasebook import Phrasebook, SignalFile

APART = ("facts.yaml", "texts.yaml", "spoken.yaml")
MEDIA = "flows/media"
M = TypeVar("M", bound=Model)
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Library:
    """Everything that is said and by whom it is answered.  Never changed while the program runs."""

    flows: FlowSet
    facts: dict[str, Fact]
    from_district: frozenset[str]
    texts: dict[TextId, str]
    catalogs: Catalogs
    phrasebook: Phrasebook
    district: District
    glossary: Agreed
    spoken: Mapping[str, str] = field(default_factory=dict)
    """What callers hear instead of a text: written → said, in English."""
    others: frozenset[str] = frozenset()
    """Languages that a family may choose although they have no catalog: a machine drafts them."""

    @property
    def languages_understood(self) -> tuple[str, ...]:
        """Those that the district answers in, and those that the phrases taught besides."""
        return tuple(dict.fromkeys((*self.district.languages, *self.phrasebook.taught.lexicons)))


def with_other_languages(library: Library) -> Library:
    """The library of a district that lets a machine draft: it knows the names of some 150 more languages."""
    own = frozenset({SOURCE_LANGUAGE, *library.catalogs.wordings})
    phrasebook = library.phrasebook
    named = {**other_languages.names(own), **phrasebook.names}
    others = frozenset(code for code in other_languages.CODES if code not in own)
    return replace(
        library, phrasebook=replace(phrasebook, names=named, languages=(*phrasebook.languages, *others)), others=others
    )


def load_library(root: Path, district_file: Path) -> Library:
    """The library of the checkout at `root`.  Raises `BadSource` with every problem of every file."""
    problems: list[Problem] = []
    district = _gather(problems, lambda: _model(district_file, District))
    facts = _gather(problems, lambda: _model(root / "flows/facts.yaml", Facts))
    texts = _gather(problems, lambda: _texts(root / "flows/texts.yaml"))
    catalogs = _gather(problems, lambda: load_catalogs(_files(root / "messages", "*.po")))
    phrasebook = _gather(problems, lambda: _phrasebook(root))
    terms = _gather(problems, lambda: read_glossary(_parsed(root / "messages/glossary.yaml")))
    spoken = _gather(problems, lambda: _spoken(root / "flows/spoken.yaml"))
    flow_files = _gather(problems, lambda: {name: decoded(data, name) for name, data in _flow_files(root)}) or {}
    named = _known(root, district, facts)
    flows = _gather(problems, lambda: load_flows(flow_files, named))
    if problems or not (district and facts and texts and catalogs and phrasebook and flows) or terms is None:
        raise BadSource(sorted(problems))
    stated = {**facts.facts, **district.facts}
    if broken := [name for name, fact in stated.items() if not fillable(fact.text)]:
        file = "flows/facts.yaml" if broken[0] in facts.facts else shown(district_file)
        raise BadSource([Problem(file, 1, 1, f"a brace is not closed in the fact '{broken[0]}': write {{name}}")])
    own, agreed = frozenset(facts.from_district), Agreed(terms, own_names(district))
    return Library(flows, stated, own, texts.texts, catalogs, phrasebook, district, agreed, spoken or {})


def _spoken(path: Path) -> dict[str, str]:
    source = _parsed(path)
    pairs = source.model(Spoken)
    if wrong := list(unspoken(source, pairs)):
        raise BadSource(wrong)
    return pairs.pairs()


def _known(root: Path, district: District | None, facts: Facts | None) -> Known:
    """What the flows may name; where a file could not be read, what stands in it is missed as well."""
    all_facts = frozenset((*facts.facts, *facts.from_district)) if facts else frozenset()
    roles = frozenset(district.on_call) if district else frozenset()
    about = names(district, all_facts) if district else frozenset()
    return Known(all_facts | OF_THE_MOMENT, roles, about, frozenset(path.name for path in (root / MEDIA).glob("*.*")))


def _gather(problems: list[Problem], load: Callable[[], R]) -> R | None:
    """What `load` gives; its problems are kept, so that all files' problems are told at once."""
    try:
        return load()
    except BadSource as bad:
        problems += bad.problems
        return None


def _model(path: Path, kind: type[M]) -> M:
    return _parsed(path).model(kind)


def _parsed(path: Path) -> Source:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadSource([Problem(str(path), 1, 1, f"cannot be read: {error.strerror}")]) from None
    return parse(decoded(data, shown(path)), shown(path))


def _texts(path: Path) -> Texts:
    texts = _model(path, Texts)
    missing = [name for name in get_args(TextId) if name not in texts.texts]
    if missing:
        raise BadSource([Problem(shown(path), 1, 1, f"the text '{missing[0]}' is missing: add it")])
    broken = [name for name, text in texts.texts.items() if not fillable(text)]
    if broken:
        raise BadSource([Problem(shown(path), 1, 1, f"a brace is not closed in '{broken[0]}': write {{name}}")])
    return texts


def _phrasebook(root: Path) -> Phrasebook:
    files = {}
    for path in sorted((root / "flows/signals").glob("*.yaml")):
        source = _parsed(path)
        files[path.stem] = source.model(SignalFile)
    return Phrasebook.build(files, _taught(root / "flows" / model.FILE))


def _taught(path: Path) -> Taught:
    try:
        return model.read(path)
    except (OSError, ValueError, KeyError) as error:
        problem = Problem(shown(path), 1, 1, f"cannot be read ({error}): run 'make teach'")
        raise BadSource([problem]) from None


def _flow_files(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted((root / "flows").glob("*.yaml")):
        if path.name not in APART:
            yield shown(path), path.read_bytes()


def _files(folder: Path, pattern: str) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(folder.glob(pattern))}


def shown(path: Path) -> str:
    """A path as a person would type it from the checkout."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
