"""Requests of clients that this machine has not, replayed: the same codes, the same shapes."""
import base64
import glob
import gzip
import json
import os
import re
import time

from harness import Failure, check, wait_for
import tape_protobuf
from tapes import FOLDER, KEPT_HEADERS, NAMESPACE, Upstream, Values, is_watch, shape

PATIENCE_S = 15
EVENTS_S = 3 # so long a watch waits for one more event


def load(path):
    with gzip.open(path, "rt", encoding="utf-8") as f:
        return [json.loads(line) for line in f]


class Replay:
    def __init__(self, cluster, namespace):
        self.upstream, self.namespace, self.values = Upstream(cluster), namespace, Values()
        self.values.of["node"] = cluster.node_name()

    def target(self, entry):
        """Without the hash that a document had on the day of the tape: it is another now."""
        return re.sub(r"^(/openapi/v3/[^?]*\?)hash=[0-9A-F]*&?", r"\1", self.fill(entry["target"]))

    def fill(self, text):
        return self.values.show(text).replace(NAMESPACE, self.namespace)

    def body(self, entry):
        if "base64" in entry:
            raw = base64.b64decode(entry["base64"]).replace(
                NAMESPACE.encode(), self.namespace.encode())
            for uid, key in entry.get("uids", {}).items():
                raw = raw.replace(uid.encode(), self.values.of.get(key, uid).encode())
            return tape_protobuf.with_values(raw, self.values.of)
        return self.fill(entry["body"]).encode() if "body" in entry else b""

    def once(self, entry):
        """Status and shape of the answer; of a watch as many lines as were seen, if they come."""
        headers = {k: entry[k] for k in KEPT_HEADERS if k in entry}
        target = self.target(entry)
        connection, answer = self.upstream.ask(entry["method"], target, headers, self.body(entry),
                                               EVENTS_S if is_watch(target) else PATIENCE_S)
        got = b""
        try:
            if is_watch(target):
                while got.count(b"\n") < entry.get("lines", 0):
                    line = answer.readline()
                    if not line:
                        break
                    got += line
                    if b"k8s.io/initial-events-end" in line:
                        break # what comes later comes from others who are not on the tape
            else:
                got = answer.read()
        except TimeoutError:
            pass # fewer events than there were: what came is looked at
        finally:
            connection.close()
        self.values.see(got)
        return answer.status, shape(answer.getheader("Content-Type"), got)

    def same(self, entry):
        """None, or what differs. What the controllers are still about is asked again."""
        until = time.monotonic() + PATIENCE_S
        while True:
            status, looks = self.once(entry)
            wanted = entry["shape"] if not is_watch(entry["target"]) or looks else {}
            if status == entry["status"] and (looks == wanted or not wanted):
                return None
            has_version = "base64" in entry or "{{rv:" in entry.get("body", "")
            if status == 409 and has_version and time.monotonic() < until:
                # A controller has written in between, as clients must expect: on a newer version.
                self.once({"method": "GET", "target": entry["target"].split("?")[0]})
                continue
            if entry["method"] != "GET" or time.monotonic() > until:
                return "%s %s: %s %s, but on the tape %s %s" % (
                    entry["method"], entry["target"], status, looks, entry["status"],
                    entry["shape"])
            time.sleep(0.2)


    def remove_definitions(self, tape):
        """Helm leaves them, and the next tape makes them again."""
        for path in {self.target(e).split("?")[0] for e in tape if re.search(
                "/customresourcedefinitions/[^/?]+", e.get("target", ""))}:
            wait_for("%s goes" % path, lambda path=path: self.once(
                {"method": "DELETE", "target": path})[0] == 404, 20)


def is_passing(tape, i):
    """The tape lost a race against a controller, or saw something that was about to go."""
    if tape[i]["status"] == 409 and "{{rv:" in tape[i].get("body", ""):
        return True
    later = [e for e in tape[i + 1:] if e.get("method") == "GET" and
             e.get("target") == tape[i].get("target")]
    return tape[i]["method"] == "GET" and any(e["status"] == 404 for e in later)


def replay(cluster, path, namespace):
    tape, command, bad = load(path), "", []
    one, count = Replay(cluster, namespace), 0
    for i, entry in enumerate(tape):
        if "command" in entry:
            command = entry["command"]
            continue
        # 304: the client had it in its cache, under an ETag that need not be today's.
        if entry.get("status") in (None, 304) or is_passing(tape, i):
            continue
        count += 1
        difference = one.same(entry)
        if difference:
            bad.append("%s\n      %s" % (command, difference))
    one.remove_definitions(tape)
    return count, bad


def case_replayed(cluster):
    paths = sorted(glob.glob(os.path.join(FOLDER, "*.tape.gz")))
    check(paths, "no tapes in " + FOLDER)
    texts = []
    for n, path in enumerate(paths):
        client = os.path.basename(path)[:-len(".tape.gz")]
        client = " v".join(client.rsplit("-", 1))
        try:
            count, bad = replay(cluster, path, "tape-%03d" % (n + 1))
        except OSError as error:
            raise Failure("%s: %s" % (client, error)) from None
        print("       %-20s %s of %d requests replayed" % (client, count - len(bad), count))
        texts += ["%s: %s" % (client, text) for text in bad]
    check(not texts, "answers that differ from the tape", *texts)
