"""Makes vectors.json: what every implementation of Keyward's formats must answer.

    python3 shared/vectors/generate.py           writes shared/vectors/vectors.json
    python3 shared/vectors/generate.py --check   fails when the committed file differs from what this would write

The formats are implemented here a second time, from the design and not from the Rust code, with nothing but Python's
standard library (3.9 or newer). So the two can only agree by being right, or by sharing a misreading of the design.
Answers that are rules rather than arithmetic (which route, which reason) are written down by hand.

Nothing here is random: "random" digits and secrets are SHA-256 of a label. The keys open nothing.
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True  # The repository holds no caches.

from reference import credentials, decisions, forwarding, imported, keys, messages, networks, reasons, records, routes, times  # noqa: E402

TARGET = pathlib.Path(__file__).with_name("vectors.json")


def compact(value):
    return json.dumps(value, separators=(", ", ": "))


def laid_out(value, indent=""):
    """JSON with one case a line, so that a changed case is a changed line."""
    deeper = indent + "  "
    if isinstance(value, dict) and any(isinstance(part, (dict, list)) for part in value.values()) and len(indent) < 4:
        lines = [f"{deeper}{compact(name)}: {laid_out(part, deeper)}" for name, part in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + indent + "}"
    if isinstance(value, list) and value and len(indent) < 6:
        return "[\n" + ",\n".join(deeper + compact(case) for case in value) + "\n" + indent + "]"
    return compact(value)


def main():
    document = {
        "about": "Made by generate.py beside this file; do not edit. The keys and secrets open nothing.",
        "keys": keys.section(),
        "imported": imported.section(),
        "records": records.section(),
        "networks": networks.section(),
        "credentials": credentials.section(),
        "routes": routes.section(),
        "decisions": decisions.section(),
        "reasons": reasons.section(),
        "forwarding": forwarding.section(),
        "times": times.section(),
        "messages": messages.section(),
    }
    text = laid_out(document) + "\n"
    if sys.argv[1:] == ["--check"]:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
            sys.exit(f"{TARGET.name} is not what generate.py makes; run `python3 shared/vectors/generate.py` and look at the difference")
    elif sys.argv[1:]:
        sys.exit("usage: generate.py [--check]")
    else:
        TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
