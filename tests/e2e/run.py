#!/usr/bin/python3
"""run.py NAME [CASE…] - runs the cases of test_NAME.py, in their order, on a cluster of their own.

A case is a function case_…(cluster). A module says NODES for a cluster of several nodes, or
NODES = 0 when its cases make their own; LANES where its cases, each in a namespace of its own, may
run so many at a time (they mostly wait), and ALONE, the names of those that may not: they run last.
SKIFF_BIN is where the programs are.
"""
import importlib
import os
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import Cluster, Failure, remove_leftovers # noqa: E402


def run_case(name, case, cluster):
    begin = time.monotonic()
    try:
        case(cluster)
        failure = None
    except Failure as e:
        failure = str(e)
        at = traceback.extract_tb(e.__traceback__)
        failure += "".join("\n    at %s:%d" % (os.path.basename(f.filename), f.lineno)
                           for f in at if "test_" in f.filename)
    except Exception: # pylint: disable=broad-except
        failure = traceback.format_exc()
    # In one piece: others may print, too.
    print("%s %-44s %5.1f s%s" % ("FAILED" if failure else "ok    ", name, time.monotonic() - begin,
                                  "\n" + failure if failure else ""), flush=True)
    return failure is None


def run_in_lanes(cases, cluster, lanes):
    """The names of the cases that failed, of cases that make no clusters."""
    with ThreadPoolExecutor(lanes) as pool:
        passed = list(pool.map(lambda c: run_case(c[0], c[1], cluster), cases))
    return [key for (key, _), good in zip(cases, passed) if not good]


def main(name, wanted):
    module = importlib.import_module("test_" + name)
    cases = [(key[5:], value) for key, value in vars(module).items()
             if key.startswith("case_") and (not wanted or key[5:] in wanted)]
    remove_leftovers()
    nodes = getattr(module, "NODES", 1)
    cluster = Cluster(nodes) if nodes else None
    failed, alone = [], cases
    if hasattr(module, "LANES"):
        alone = [c for c in cases if c[0] in getattr(module, "ALONE", ())]
        failed = run_in_lanes([c for c in cases if c not in alone], cluster, module.LANES)
    for key, case in alone:
        if not run_case(key, case, cluster):
            failed.append(key)
        for own in [c for c in Cluster.open_ones if c is not cluster]:
            print(own.log_tails(), flush=True)
            own.close()
    if failed and cluster:
        print(cluster.log_tails(), flush=True)
    if cluster:
        cluster.close()
    print("%s: %d of %d cases failed%s" % (name, len(failed), len(cases),
                                           ": " + ", ".join(failed) if failed else ""))
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: run.py NAME [CASE...]")
    if os.geteuid() != 0:
        sys.exit("run.py: clusters need root")
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except Failure as failed_up:
        sys.exit("FAILED %s" % failed_up)
