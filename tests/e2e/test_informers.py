"""Informers as client-go 0.36 has them: WatchList, or list and watch; bookmarks; after 410 a new list. What
they hold is what the server has, whatever happened to it meanwhile."""
import http.client
import json
import os
import signal
import threading
import time

from harness import check, wait_for
from tapes import Upstream

MAPS = "/api/v1/namespaces/%s/configmaps"
LIST_WATCH = "?resourceVersion=%s&watch=true&allowWatchBookmarks=true&timeoutSeconds=400"
WATCH_LIST = ("?allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true"
              "&timeoutSeconds=400&watch=true")
END = "k8s.io/initial-events-end"
WRITES = 120
BACK_OFF_S = 0.1


class Gone(Exception):
    """410: the version is too old."""


class Informer(threading.Thread):
    """A reflector and its store: name → object."""

    def __init__(self, cluster, path, lists):
        super().__init__(daemon=True)
        self.upstream, self.path, self.lists = Upstream(cluster), path, lists
        self.store, self.version, self.is_in_step, self.is_over = {}, None, False, False
        self.counts = {"lists": 0, "watches": 0, "gone": 0, "bookmarks": 0}
        self.connection = None

    def ask(self, query):
        self.connection, answer = self.upstream.ask(
            "GET", self.path + query, {"Accept": "application/json"}, None)
        if answer.status == 410:
            raise Gone
        if answer.status in (429, 503): # it is starting
            raise OSError(answer.status)
        check(answer.status == 200, "%s: %d" % (query, answer.status))
        return answer

    def list(self):
        value = json.loads(self.ask("?limit=500&resourceVersion=0").read())
        self.store = {o["metadata"]["name"]: o for o in value["items"]}
        self.version = value["metadata"]["resourceVersion"]
        self.counts["lists"] += 1
        self.is_in_step = True

    def take(self, event, fresh):
        kind, item = event["type"], event["object"]
        if kind == "ERROR":
            check(item["code"] == 410, "an error in a watch", item)
            raise Gone
        self.version = item["metadata"]["resourceVersion"]
        if kind == "BOOKMARK":
            self.counts["bookmarks"] += 1
            if END in item["metadata"].get("annotations", {}):
                self.store, self.is_in_step = fresh, True
                self.counts["lists"] += 1
                return
        elif kind == "DELETED":
            (self.store if self.is_in_step else fresh).pop(item["metadata"]["name"], None)
        else:
            (self.store if self.is_in_step else fresh)[item["metadata"]["name"]] = item

    def watch(self):
        fresh = {}
        self.counts["watches"] += 1
        answer = self.ask(LIST_WATCH % self.version if self.is_in_step else WATCH_LIST)
        while True:
            line = answer.readline()
            if not line:
                return
            self.take(json.loads(line), fresh)

    def run(self):
        while not self.is_over:
            try:
                if self.lists and not self.is_in_step:
                    self.list()
                self.watch()
            except Gone:
                self.counts["gone"] += 1
                self.is_in_step = False
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(BACK_OFF_S) # the server is away, or a line was cut off
            finally:
                if self.connection:
                    self.connection.close()


def try_write(upstream, method, target, body=None):
    try:
        connection, answer = upstream.ask(method, target, {"Content-Type": "application/json"},
                                          json.dumps(body) if body else None, 20)
        answer.read()
        connection.close()
        return answer.status
    except (OSError, http.client.HTTPException):
        return 0


def write(upstream, method, target, body=None):
    """Until it is done: a server that is away is asked again, and what it had done shows."""
    done = {"POST": (201, 409), "DELETE": (200, 404), "PUT": (200, 201)}[method]
    return wait_for("%s %s" % (method, target),
                    lambda: try_write(upstream, method, target, body) in done, 40, BACK_OFF_S)


def churn(cluster, path, at=None):
    """Objects made, changed and deleted; `at` half of it something happens."""
    upstream = Upstream(cluster)
    for n in range(WRITES):
        name = "m-%d" % (n % 20)
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
                "data": {"n": str(n)}}
        if n < 20:
            write(upstream, "POST", path, body)
        elif n % 7 == 0:
            write(upstream, "DELETE", path + "/" + name)
        else:
            status = try_write(upstream, "PUT", path + "/" + name, body)
            if status == 404:
                write(upstream, "POST", path, body)
            elif status != 200:
                write(upstream, "PUT", path + "/" + name, body)
        if at and n == WRITES // 2:
            at()


def truth(upstream, path):
    _, answer = upstream.ask("GET", path, {}, None)
    value = json.loads(answer.read())
    return {o["metadata"]["name"]: o["metadata"]["resourceVersion"] for o in value["items"]}


def held(informer):
    return {name: o["metadata"]["resourceVersion"] for name, o in dict(informer.store).items()}


def make_namespace(cluster, name):
    write(Upstream(cluster), "POST", "/api/v1/namespaces",
          {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return MAPS % name


def informed(cluster, path, at=None):
    """Both kinds of informer through a churn; they end with what the server has."""
    both = [Informer(cluster, path, lists) for lists in (True, False)]
    for one in both:
        one.start()
    for one in both:
        wait_for("it is in step", lambda one=one: one.is_in_step, 20)
    churn(cluster, path, at)
    upstream = Upstream(cluster)
    for one in both:
        wait_for("%s holds what the server has: %s" % (
            "list and watch" if one.lists else "WatchList", one.counts),
                 lambda one=one: held(one) == truth(upstream, path), 30)
        one.is_over = True
    return both


def case_follow(cluster):
    for one in informed(cluster, make_namespace(cluster, "follow")):
        check(one.counts["lists"] == 1 and one.counts["gone"] == 0, "one list is enough", one.counts)


def case_server_killed(cluster):
    """A server that starts anew has no events of before: old versions are gone, new ones go on."""
    path = make_namespace(cluster, "killed")

    def kill():
        old = cluster.pid("apiserver")
        os.kill(old, signal.SIGKILL)
        wait_for("it runs again", lambda: cluster.pid("apiserver") not in (None, old), 30)
    for one in informed(cluster, path, kill):
        print("       %s: %s" % ("list and watch" if one.lists else "WatchList", one.counts))
        check(one.counts["watches"] >= 2, "it has come back", one.counts)


def case_too_old(cluster):
    """Both forms of 410: in the answer's head, or as an event; and the way out of it."""
    path = make_namespace(cluster, "old")
    upstream = Upstream(cluster)
    old = cluster.pid("apiserver")
    os.kill(old, signal.SIGKILL)
    wait_for("it runs again", lambda: try_write(
        upstream, "POST", path, {"apiVersion": "v1", "kind": "ConfigMap",
                                 "metadata": {"name": "after"}}) in (201, 409), 30)
    one = Informer(cluster, path, False)
    one.is_in_step, one.version = True, "64" # of a first revision, long compacted
    one.start()
    wait_for("it has listed anew", lambda: "after" in one.store and one.is_in_step, 20)
    check(one.counts["gone"] == 1, "410 once", one.counts)
    one.is_over = True


def case_how_long(cluster):
    """A watch lasts as long as it asked for, and ends in order; it says where it was until then."""
    path = make_namespace(cluster, "span")
    begin = time.monotonic()
    connection, answer = Upstream(cluster).ask(
        "GET", path + WATCH_LIST.replace("timeoutSeconds=400", "timeoutSeconds=3"), {}, None)
    lines = [json.loads(line) for line in answer.read().splitlines()] # to the end of the last chunk
    connection.close()
    lasted = time.monotonic() - begin
    check(2.5 < lasted < 6, "three seconds", lasted)
    check(lines and lines[-1]["type"] == "BOOKMARK", "it ends on a bookmark", lines[-1:])
