#!/usr/bin/env python3
"""check_format.py - every C file looks as .clang-format says. Those that do not yet stand in
scripts/format_later.txt, which only ever gets shorter: whoever changes such a file may format it and
take it off. `check_format.py --fix FILE…` formats.
"""
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LATER = os.path.join(ROOT, "scripts", "format_later.txt")
FOLDERS = ("apiserver", "cli", "common", "controller", "nodeagent", "pause", "schemas", "tests")
BATCH = 40


def tool():
    found = shutil.which("clang-format-14")
    if not found:
        print("skipped: no clang-format-14 (other versions format otherwise): apt-get install clang-format-14")
        sys.exit(77)
    return found


def sources():
    for folder in FOLDERS:
        for top, _, names in os.walk(os.path.join(ROOT, folder)):
            yield from (os.path.relpath(os.path.join(top, name), ROOT) for name in names
                        if name.endswith((".c", ".h")))


def unformatted(program, files):
    bad = set()
    for i in range(0, len(files), BATCH):
        done = subprocess.run([program, "--dry-run", *files[i:i + BATCH]], cwd=ROOT, text=True,
                              capture_output=True, check=False)
        bad |= set(re.findall(r"^([^\s:]+):\d+:\d+: warning: code should be clang-formatted",
                              done.stderr, re.MULTILINE))
    return bad


def main():
    program = tool()
    if sys.argv[1:2] == ["--fix"]:
        return subprocess.call([program, "-i", *sys.argv[2:]])
    with open(LATER, encoding="utf-8") as f:
        later = set(f.read().split())
    files = sorted(sources())
    bad = unformatted(program, files)
    for name in sorted(bad - later):
        print("%s: not formatted: scripts/check_format.py --fix %s" % (name, name))
    done = sorted(later - bad)
    for name in done:
        print("%s: formatted (or gone): take it out of scripts/format_later.txt" % name)
    if not bad - later and not done:
        print("%d of %d files are formatted" % (len(files) - len(bad), len(files)))
    return 1 if bad - later else 0


if __name__ == "__main__":
    sys.exit(main())
