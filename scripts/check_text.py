#!/usr/bin/env python3
"""check_text.py - what a reader's eye should not have to check: lengths, banned calls, blanks.

Files under 500 lines, functions under 70, lines up to 105 columns: clang-format breaks at 100, and
strings and comments may stand out a little (150 in tables of tests).
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHIPPED = ("common/", "schemas/", "apiserver/", "controller/", "nodeagent/", "cli/", "pause/")
BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|alloca|gets)\s*\(")
COLUMNS, TABLE_COLUMNS, LINES, FUNCTION = 105, 150, 500, 70


def width(line):
    return len(line.expandtabs(8))


def check_functions(path, lines, problems):
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start - 1 > FUNCTION:
                problems.append(f"{path}:{start}: a function of {number - start - 1} lines")
            start = None


def check_c(path, lines, problems):
    shipped = path.startswith(SHIPPED)
    if len(lines) > LINES and shipped:
        problems.append(f"{path}: {len(lines)} lines: is there a second idea in it?")
    for number, line in enumerate(lines, 1):
        if width(line) > (COLUMNS if shipped else TABLE_COLUMNS):
            problems.append(f"{path}:{number}: {width(line)} columns")
        if shipped and BANNED.search(line) and not line.lstrip().startswith(("*", "/*", "//")):
            problems.append(f"{path}:{number}: {BANNED.search(line).group(1)} is not used here")
    if shipped:
        check_functions(path, lines, problems)
    if path.endswith(".h") and "#pragma once" not in lines:
        problems.append(f"{path}: no #pragma once")


def main():
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True,
                           check=True).stdout.split("\n")
    problems = []
    for path in filter(None, names):
        file = ROOT / path
        if not file.is_file() or path.startswith("tests/fuzz/corpus") or path.startswith("tests/golden"):
            continue
        data = file.read_bytes()
        if b"\0" in data:
            problems.append(f"{path}: a binary file")
            continue
        lines = data.decode("utf-8").split("\n")
        if lines and lines[-1] == "":
            lines.pop()
        for number, line in enumerate(lines, 1):
            if line.rstrip() != line and not path.endswith(".md"):
                problems.append(f"{path}:{number}: blanks at the end of the line")
        if path.endswith((".c", ".h")):
            check_c(path, lines, problems)
    print("\n".join(problems) or "the text is in order")
    return 1 if problems else 0


sys.exit(main())
