"""Read Twilio's own TwiML lists once into `lists.json`: `python -m tests.twiml.read_lists FOLDER VERSION`.

FOLDER is `lib/twiml` of the npm package `twilio` (`npm pack twilio@VERSION`, then unpack). It takes only facts from the
generated classes: which elements may contain which, with which attributes and values. An element is identified by its
class, because `<Sip>` in `<Dial>` differs from `<Sip>` in `<Refer>`.
"""

import json
import re
import sys
from pathlib import Path

LISTS = Path(__file__).with_name("lists.json")
CHILD = re.compile(r"new (\w+)Response\.(\w+)\(this\.(\w+)\.ele\(\"([\w-]+)\"")
METHOD = re.compile(r"^    (?:    )?\w+\((?:attributes\??: (?:\w+\.(\w+)|object))?.*\): \w+Response\.(\w+);$", re.M)
INTERFACE = re.compile(r"interface (\w+) \{(.*?)\n    \}", re.S)
FIELD = re.compile(r"^        \"?([\w:-]+)\"?\??: ([\w\[\]]+);$", re.M)
VALUES = re.compile(r"^    type (\w+) = (.+);$", re.M)


def read(folder: Path, document: str) -> dict[str, object]:
    """Return element → {allowed children}, its attributes → their kind, and the values of each list kind."""
    code, types = (folder.joinpath(f"{document}.{end}").read_text() for end in ("js", "d.ts"))
    kinds = {name: re.findall(r'"([^"]*)"', listed) for name, listed in VALUES.findall(types)}
    interfaces = {name: dict(FIELD.findall(body)) for name, body in INTERFACE.findall(types)}
    attributes: dict[str, dict[str, str]] = {}
    for interface, element in METHOD.findall(types):
        attributes.setdefault(element, {}).update(interfaces.get(interface, {}))
    children: dict[str, dict[str, str]] = {}
    for _, element, parent, tag in CHILD.findall(code):
        children.setdefault(parent[0].upper() + parent[1:], {})[tag] = element
    return {"children": children, "attributes": attributes, "values": kinds}


def main() -> None:
    """Write the file."""
    folder, version = Path(sys.argv[1]), sys.argv[2]
    found = {
        "source": f"npm twilio {version}: lib/twiml, https://registry.npmjs.org/twilio/{version}",
        **{name: read(folder, f"{name}Response") for name in ("Voice", "Messaging")},
    }
    LISTS.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
