#!/usr/bin/env python3
"""test_reference.py SKIFF [TRACES [SEED]] - random small traces with many ties through `skiff simulate`
and through reference.py: every figure must be the same.
"""
import json
import math
import os
import random
import subprocess
import sys
import tempfile

from reference import simulate


def make(draw):
    """Small numbers, so that arrivals, completions and sizes often coincide."""
    n = draw.randint(1, draw.choice([4, 12, 40]))
    span, most = draw.choice([(1, 5), (10, 6), (60, 12), (1000, 300)])
    ids = draw.sample(range(1, 10 * n), n)
    if draw.random() < 0.5:
        ids.sort()
    arrivals = sorted(draw.randint(0, span) for _ in range(n))
    return [{"id": i, "arrival": a, "size": draw.randint(0, most),
             "priority": draw.randint(-2, 2),
             "deadline": draw.choice([0, a + draw.randint(0, 4 * most)])}
            for i, a in zip(ids, arrivals)]


def run(skiff, path, servers, policy, preempts):
    command = [skiff, "simulate", "--trace", path, "--servers", str(servers), "--policy", policy,
               "--json"] + (["--preempt"] if preempts else [])
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return json.loads(done.stdout)


def main():
    skiff, traces = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 150
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    runs = 0
    with tempfile.TemporaryDirectory(prefix="skiff-ref-") as folder:
        path = os.path.join(folder, "trace.csv")
        for i in range(traces):
            draw = random.Random(seed * 1000003 + i)
            jobs = make(draw)
            with open(path, "w") as out:
                out.write("id,arrival_us,size_us,priority,deadline_us\n")
                for j in jobs:
                    out.write("{id},{arrival},{size},{priority},{deadline}\n".format(**j))
            servers = draw.choice([1, 1, 2, 3, 5])
            for policy, preempts in [("fcfs", False), ("SJF", False), ("srtf", False), ("las", False),
                                     draw.choice([("priority", False), ("edf", False)]),
                                     draw.choice([("priority", True), ("edf", True)])]:
                got = run(skiff, path, servers, policy, preempts)
                want = simulate(jobs, servers, policy.lower(), preempts)
                runs += 1
                for name, value in want.items():
                    same = (got[name] == value if isinstance(value, (int, str)) else
                            math.isclose(got[name], value, rel_tol=1e-13, abs_tol=1e-13))
                    if not same or set(got) != set(want):
                        print(open(path).read())
                        sys.exit(f"seed {seed}, trace {i}, {policy}{' preempts' * preempts} on "
                                 f"{servers}: {name} is {got[name]}, expected {value}\n{got}\n{want}")
    print(f"{runs} runs over {traces} traces are as the reference says")


main()
