#!/usr/bin/python3
"""what_failed.py DIRECTORY - of each test that failed in ctest's last run in this build directory the
lines that tell why: so they stand together at the end, not among megabytes of output."""
import os
import re
import sys

LINES = 24 # of a test
# Of a case of an end-to-end test, a check of ours, a sanitizer, a traceback, ctest itself.
TELLS = re.compile(r"FAILED |\S+\.[ch]:\d+: |.*(ERROR: \w+Sanitizer|SUMMARY: |runtime error: )|\w*(Error|Failure)\b|"
                   r"not within |seed \d+|Test timed out")
FRAME = re.compile(r" +#\d+ .* in .*/(\w+/)*tests/")
END = re.compile(r"ok  |---- |\w+: \d+ of \d+ cases failed")


def output_of(log, name):
    """What one test printed."""
    begin = log.find("\nOutput:\n", log.find(" Testing: %s\n" % name))
    return log[begin + 9:log.find("\n<end of output>", begin)].split("\n") if begin >= 0 else []


def telling(lines):
    """A case that failed is told of up to where the next one begins."""
    told, in_case = [], False
    for line in lines:
        if END.match(line):
            in_case = False
        elif line.startswith("FAILED "):
            in_case = True
        if in_case or TELLS.match(line) or FRAME.match(line):
            told.append(line[:240])
    return told or lines[-LINES:]


def main(directory):
    folder = os.path.join(directory, "Testing/Temporary")
    with open(os.path.join(folder, "LastTest.log"), encoding="utf-8", errors="replace") as f:
        log = f.read()
    with open(os.path.join(folder, "LastTestsFailed.log"), encoding="utf-8") as f:
        failed = [line.strip().split(":", 1)[1] for line in f if ":" in line]
    for name in failed:
        told = telling(output_of(log, name))
        print("---- %s" % name)
        print("\n".join(told[:LINES]))
        if len(told) > LINES:
            print("[%d lines more]" % (len(told) - LINES))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: what_failed.py DIRECTORY")
    main(sys.argv[1])
