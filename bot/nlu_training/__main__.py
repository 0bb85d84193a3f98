"""`python -m bot.nlu_training`: teach the line from `flows/phrases` and `flows/concepts`; writes `flows/taught.npz`."""

import sys
import time

from bot.base.settings import ROOT
from bot.nlu.concepts import Lexicon
from bot.nlu.model import FILE, Taught, fingerprint, write
from bot.nlu_training import train
from bot.nlu_training.dataset import read_lessons


def main() -> int:
    """Teach; 1 and a sentence when a file cannot be used."""
    flows, began = ROOT / "flows", time.monotonic()
    try:
        lessons = read_lessons(flows)
        exact = lessons.exact()
        lexicons = {lang: Lexicon.build(lang, words) for lang, words in lessons.concepts.items()}
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    taught = Taught(
        topics=train.topics(lessons.phrases, lexicons),
        net=train.net(lessons.phrases, lexicons),
        languages=train.languages(lessons.phrases),
        lexicons=lexicons,
        exact=exact,
        fingerprint=fingerprint(flows),
    )
    write(flows / FILE, taught, lessons.concepts)
    size = (flows / FILE).stat().st_size / 1e6
    spent = time.monotonic() - began
    print(f"{len(lessons.phrases)} phrases taught in {spent:.0f} s: flows/{FILE}, {size:.1f} MB", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
