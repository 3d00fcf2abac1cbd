"""reference.py - the rules of `skiff simulate` in the plainest words: lists, sorting, fractions. Slow,
and shares nothing with the program but the rules, which stand in docs/queueing.md.

A job is a dict: id, arrival, size, priority, deadline. One server a job.
"""
import math
from fractions import Fraction


def key(policy, job):
    return {"fcfs": job["arrival"], "sjf": job["size"], "srtf": job["left"],
            "priority": -job.get("priority", 0),
            "edf": job.get("deadline") or math.inf}[policy], job["id"]


def discrete(jobs, servers, policy, preempts):
    """FCFS, SJF, SRTF, priority, EDF. Returns the completion time by id."""
    coming = sorted(jobs, key=lambda j: (j["arrival"], j["id"]))
    waiting, running, done = [], [], {}
    now = 0

    def fill():
        while waiting and len(running) < servers:
            best = min(waiting, key=lambda j: key(policy, j))
            waiting.remove(best)
            running.append(best)

    while coming or running:
        arrival = coming[0]["arrival"] if coming else math.inf
        end = min((now + j["left"] for j in running), default=math.inf)
        then = min(arrival, end)
        for j in running:
            j["left"] -= then - now
        now = then
        if arrival <= end:
            if not preempts:
                while coming and coming[0]["arrival"] == now:
                    waiting.append(coming.pop(0))
                fill()
                continue
            new = coming.pop(0)
            waiting.append(new)
            fill()
            if new in waiting:
                # The largest key runs the least deservedly; of equals the highest id.
                worst = max(running, key=lambda j: key(policy, j))
                if key(policy, new)[0] < key(policy, worst)[0]:
                    running.remove(worst)
                    waiting.remove(new)
                    waiting.append(worst)
                    running.append(new)
        else:
            ended = min((j for j in running if j["left"] == 0), key=lambda j: j["id"])
            running.remove(ended)
            done[ended["id"]] = now
            fill()
    return done


def shared(jobs, servers):
    """LAS: the least served share the servers, in fractions."""
    coming = sorted(jobs, key=lambda j: (j["arrival"], j["id"]))
    present, done = [], {}
    now = Fraction(0)
    for j in coming:
        j["had"] = Fraction(0)
    while coming or present:
        rates, free = {}, Fraction(servers)
        for level in sorted({j["had"] for j in present}):
            group = [j for j in present if j["had"] == level]
            rate = min(Fraction(1), free / len(group))
            free -= rate * len(group)
            for j in group:
                rates[j["id"]] = rate
        spans = [Fraction(coming[0]["arrival"]) - now] if coming else []
        spans += [(j["size"] - j["had"]) / rates[j["id"]] for j in present if rates[j["id"]]]
        # One that is served faster may catch up with one that has had more.
        for a in present:
            for b in present:
                if a["had"] < b["had"] and rates[a["id"]] > rates[b["id"]]:
                    spans.append((b["had"] - a["had"]) / (rates[a["id"]] - rates[b["id"]]))
        span = min(spans)
        now += span
        for j in present:
            j["had"] += rates[j["id"]] * span
        while coming and coming[0]["arrival"] == now:
            present.append(coming.pop(0))
        for j in [j for j in present if j["had"] == j["size"]]:
            present.remove(j)
            done[j["id"]] = now
    return done


def simulate(jobs, servers, policy, preempts=False):
    jobs = [dict(j, left=j["size"]) for j in jobs]
    if policy == "las":
        done = shared(jobs, servers)
    else:
        done = discrete(jobs, servers, policy, preempts or policy == "srtf")
    response = {j["id"]: Fraction(done[j["id"]]) - j["arrival"] for j in jobs}
    waits = sorted(response[j["id"]] - j["size"] for j in jobs)
    slow = [response[j["id"]] / j["size"] for j in jobs if j["size"]]
    n = len(jobs)
    makespan = max(done.values()) - min(j["arrival"] for j in jobs)
    work = sum(j["size"] for j in jobs)
    return {
        "policy": policy, "servers": servers, "n": n,
        "mean_wait_us": float(sum(waits) / n),
        "p99_wait_us": float(waits[-(-n * 99 // 100) - 1]),
        "max_wait_us": float(waits[-1]),
        "mean_response_us": float(sum(response.values()) / n),
        "mean_slowdown": float(sum(slow) / len(slow)) if slow else 0.0,
        "makespan_us": float(makespan),
        "utilization": float(Fraction(work) / (servers * makespan)) if makespan else 0.0,
    }
