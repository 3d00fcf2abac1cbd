#!/usr/bin/env python3
"""check_clients.py - tests/e2e/clients.md names tests that are there, and at least one a line."""
import gzip
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INDEX = ROOT / "tests/e2e/clients.md"


def commands_of(tape):
    with gzip.open(tape, "rt", encoding="utf-8") as f:
        return [entry["command"] for entry in map(json.loads, f) if "command" in entry]


def why_missing(reference):
    """None, or what is wrong with `file:name`."""
    where, _, what = reference.partition(":")
    if "/" in where:
        path = ROOT / "tests" / where
        return None if path.is_file() and what in path.read_text() else "no such words there"
    if where.endswith(".tape"):
        path = ROOT / "tests/golden" / (where + ".gz")
        if not path.is_file():
            return "no such tape"
        return None if any(c.startswith(what) for c in commands_of(path)) else "no such command"
    path = ROOT / "tests/e2e" / f"test_{where}.py"
    if not path.is_file():
        return f"no {path.name}"
    found = re.search(rf"^def (case|check)_{re.escape(what)}\(", path.read_text(), re.M)
    return None if found else "no such case"


def main():
    problems, rows = [], 0
    for number, line in enumerate(INDEX.read_text().split("\n"), 1):
        if not line.startswith("| ") or line.startswith(("| what |", "| command |")):
            continue
        rows += 1
        references = re.findall(r"`([^`]+:[^`]+)`", line)
        if not references:
            problems.append(f"{INDEX.name}:{number}: no test")
        for reference in references:
            why = why_missing(reference)
            if why:
                problems.append(f"{INDEX.name}:{number}: {reference}: {why}")
    if rows < 50:
        problems.append(f"{INDEX.name}: {rows} lines only")
    print("\n".join(problems) or f"{rows} lines, each with a test")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
