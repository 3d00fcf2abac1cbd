#!/usr/bin/env python3
"""test_las.py SKIFF [TRACES] - LAS by turns of a quantum, as a cluster does it (queue_plan), against
LAS by equal shares in exact time (queue_las): with smaller quanta the one becomes the other.
"""
import json
import os
import random
import subprocess
import sys
import tempfile


def mean_response(skiff, path, servers, *more):
    done = subprocess.run([skiff, "simulate", "--trace", path, "--servers", str(servers), "--policy",
                           "las", "--json", *more], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)["mean_response_us"]


def main():
    skiff, traces = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60
    with tempfile.TemporaryDirectory(prefix="skiff-las-") as folder:
        path = os.path.join(folder, "trace.csv")
        for seed in range(traces):
            draw = random.Random(seed)
            n, servers = draw.randint(2, 30), draw.choice([1, 1, 2, 3])
            jobs = sorted((draw.randint(0, 20000), draw.randint(0, 5000)) for _ in range(n))
            with open(path, "w") as out:
                out.write("id,arrival_us,size_us\n")
                for i, (arrival, size) in enumerate(jobs):
                    out.write(f"{i + 1},{arrival},{size}\n")
            shares = mean_response(skiff, path, servers)
            for quantum in (50, 5):
                turns = mean_response(skiff, path, servers, "--quantum", f"{quantum}us")
                # A job waits for at most one turn of every other one more than its share says.
                if abs(turns - shares) > quantum * n:
                    sys.exit(f"trace {seed} of {n} jobs on {servers}: by turns of {quantum} µs "
                             f"{turns}, by shares {shares}")
    print(f"{traces} traces agree")


if __name__ == "__main__":
    main()
