"""Every command of `skiff` against a cluster, its exit codes, and what it shows on a terminal and in a pipe."""
import concurrent.futures
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
import urllib.request

from harness import check, check_in, run, skiff, wait_for
from kube import (Kube, Running, container, deployment, example, job, manifest, meta, pod, pod_spec, service)

LANES = 3
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Skiff:
    """The program in one namespace, which it makes."""

    def __init__(self, cluster, namespace):
        self.cluster, self.namespace = cluster, namespace
        self.k = Kube(cluster, namespace)

    def argv(self, *words):
        end = words.index("--") if "--" in words else len(words)
        return [skiff(), *words[:end], "-n", self.namespace, *words[end:]]

    def try_(self, *words, stdin=None, seconds=60, **env):
        return run(self.argv(*words), stdin, seconds, dict(self.cluster.env, **env))

    def ok(self, *words, **more):
        return self.code(0, *words, **more).out

    def code(self, code, *words, **more):
        got = self.try_(*words, **more)
        check(got.code == code, "exit code %d" % code, got.text())
        return got

    def apply(self, *objects, code=0, flags=("--wait", "--timeout", "60s")):
        return self.code(code, "apply", "-f", "-", *flags, stdin=manifest(*objects), seconds=90)


def web(version="1", replicas=2, script=None, **more):
    spec = pod_spec(script or "echo serving $V; echo page $V > /tmp/index.html; "
                    "exec httpd -f -p 8080 -h /tmp", env=[{"name": "V", "value": version}],
                    readinessProbe={"tcpSocket": {"port": 8080}, "periodSeconds": 1})
    spec["terminationGracePeriodSeconds"] = 1
    return deployment("web", spec, replicas, **more)


# Without a probe a container is ready while it runs, and on a busy machine that may be seen.
NEVER_READY = {"exec": {"command": ["false"]}}


def crashing(name="web", words="no database here", code=7):
    return deployment(name, pod_spec("echo %s; exit %d" % (words, code), readinessProbe=NEVER_READY))


def case_get(cluster):
    s = Skiff(cluster, "get")
    s.apply(web(), service("web", 80, 8080))
    out = s.ok("get", "deployments")
    check(re.search(r"NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +2/2 +2 +2 +\d+s\n", out), "a table",
          out)
    check_in(cluster.node_name(), s.ok("get", "pods", "-o", "wide"), "wide")
    check_in("app=web", s.ok("get", "pods", "--show-labels", "--no-headers"), "labels")
    check("NAME" not in s.ok("get", "pods", "--no-headers"), "no header")
    check(s.ok("get", "deploy", "-o", "name") == "deployment.apps/web\n", "names")
    got = json.loads(s.ok("get", "deploy/web", "-o", "json"))
    check(got["status"]["readyReplicas"] == 2, "json", got)
    check(len(json.loads(s.ok("get", "pods", "-o", "json"))["items"]) == 2, "a list as json")
    check_in("kind: Deployment", s.ok("get", "deploy", "web", "-o", "yaml"), "yaml")
    check(s.ok("get", "deploy", "web", "-o", "jsonpath={.spec.replicas} {.status.replicas}") == "2 2",
          "jsonpath")
    out = s.ok("get", "deploy,svc")
    check("deployment.apps/web" in out and "service/web" in out, "two types", out)
    check(s.ok("get", "pods", "-l", "app=other", "-o", "name") == "", "a selector that selects nothing")
    check(s.ok("get", "pods", "-l", "app=web", "-o", "name").count("\n") == 2, "a selector")
    check(s.ok("get", "pods", "--field-selector", "status.phase=Running", "-o", "name").count("\n") == 2,
          "a field selector")
    check_in("kube-system", s.ok("get", "namespaces"), "of the cluster")
    out = s.ok("get", "pods", "-A")
    check(re.search(r"NAMESPACE +NAME", out) and "get " in out, "of all namespaces", out)
    got = s.code(1, "get", "pod", "nobody")
    check_in("not found", got.err, "what is not there")
    check(s.ok("get", "pod", "nobody", "--ignore-not-found") == "", "ignored")
    got = s.code(2, "get", "teapots")
    check_in("teapots", got.err, "an unknown type")
    with Running(s.argv("get", "pods", "-w"), cluster.env) as watch:
        watch.wait_line("web-", 10)
        s.ok("scale", "deploy/web", "--replicas", "3")
        wait_for("the third pod is shown", lambda: len({line.split()[0] for line in watch.lines if
                                                        line.startswith("web-")}) == 3, 20)
        watch.process.send_signal(signal.SIGINT)
        watch.process.wait(10)


def case_look(cluster):
    s = Skiff(cluster, "look")
    s.apply(web(replicas=1), service("web", 80, 8080), deployment("front", depends="web"),
            job("once", "echo done once"))
    name = s.k.pod_name("app=web")
    # Events are sent behind what they tell of.
    wait_for("its start is told", lambda: "Started" in s.ok("events", "--for", "pod/" + name), 20)
    for what, parts in ((("pod", name), ("localhost/busybox:1", "Started")),
                        (("deploy/front",), ("depends-on", "web")),
                        (("node", cluster.node_name()), ("InternalIP",)),
                        (("service", "web"), ("8080",)), (("job/once",), ("Complete",))):
        out = s.ok("describe", *what)
        for part in parts:
            check_in(part, out, "describe " + " ".join(what))
    check_in("Started", s.ok("events"), "events")
    out = s.ok("events", "--for", "pod/" + name)
    check("Started" in out and "front" not in out, "events of one", out)
    check(s.code(1, "describe", "pod", "nobody").err != "", "describe nobody")
    out = s.ok("tree")
    check(out.index("front") < out.index("web"), "the tree", out)
    check_in("✓", out, "with its state")
    check_in("web", s.ok("tree", "deploy/front"), "a part of the tree")
    check_in("ready", s.ok("why", "deploy/front"), "why something is ready")
    check(re.search(r"v?\d+\.\d+", s.ok("version")), "version")


def case_logs_and_exec(cluster):
    s = Skiff(cluster, "logs")
    two = pod_spec("for i in 1 2 3 4 5; do echo line $i; done; exec sleep 3600")
    two["containers"].append(container("echo beside; exec sleep 3600", name="second"))
    s.apply(dict(pod("two"), spec=two), pod("slow", "for i in 1 2 3; do sleep 0.5; echo line $i; done; "
                                            "sleep 3600"), web(replicas=1))
    s.k.logs("".join("line %d\n" % i for i in range(1, 6)), "two", "-c", "main")
    s.k.logs("beside\n", "two", "-c", "second")
    check(s.ok("logs", "two", "-c", "main", "--tail", "2") == "line 4\nline 5\n", "--tail")
    out = s.ok("logs", "two", "--all-containers")
    check("line 1" in out and "beside" in out, "--all-containers", out)
    check_in("serving 1", s.ok("logs", "deploy/web"), "of a Deployment")
    check(re.match(r"20\d\d-\d\d-\d\dT\S+Z line 1", s.ok("logs", "two", "-c", "main", "--timestamps")),
          "--timestamps")
    check_in("line 5", s.ok("logs", "two", "-c", "main", "--since", "5m"), "--since")
    with Running(s.argv("logs", "slow", "-f"), cluster.env) as follow:
        follow.wait_line("line 3")
        check(follow.lines == ["line 1", "line 2", "line 3"], "-f", follow.lines)
        s.ok("delete", "pod", "slow")
        check(follow.process.wait(15) == 0, "-f ends with the pod", follow.lines)
    check(s.code(1, "logs", "nobody").err != "", "logs of nobody")
    s.k.apply(pod("crash", "echo last words; exit 3", restartPolicy="Always"))
    s.k.until("a second life", "pod/crash", lambda p: p and (p["status"].get("containerStatuses") or [
        {}])[0].get("restartCount", 0) >= 1, 20)
    check(s.ok("logs", "crash", "--previous") == "last words\n", "--previous")
    got = s.try_("exec", "deploy/web", "--", "sh", "-c", "echo $V; echo err >&2; exit 3")
    check(got.code == 3 and got.out == "1\n" and "err" in got.err, "exec", got.text())
    check(s.ok("exec", "two", "-c", "second", "-i", "--", "cat", stdin="in") == "in", "exec -i -c")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def case_act(cluster):
    s = Skiff(cluster, "act")
    s.apply(web(), service("web", 80, 8080))
    port = free_port()
    with Running(s.argv("port-forward", "svc/web", "%d:80" % port), cluster.env) as forward:
        forward.wait_line(str(port))
        with urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=10) as answer:
            check(answer.read() == b"page 1\n", "port-forward")
    s.ok("scale", "deploy/web", "--replicas", "3")
    s.ok("rollout", "status", "deploy/web")
    check(len(s.k.pods("app=web")) == 3, "scaled")
    got = s.code(1, "scale", "deploy/web", "--replicas", "1", "--current-replicas", "9")
    check(got.err, "scale under a wrong condition says so")
    s.apply(web("2", 3))
    check_in("2", s.ok("rollout", "history", "deploy/web"), "history")
    s.ok("rollout", "undo", "deploy/web")
    s.ok("rollout", "status", "deploy/web")

    def version():
        return s.ok("get", "deploy/web", "-o",
                    "jsonpath={.spec.template.spec.containers[0].env[0].value}")
    check(version() == "1", "undo")
    s.ok("rollout", "undo", "deploy/web", "--to-revision", "2")
    s.ok("rollout", "status", "deploy/web")
    check(version() == "2", "undo --to-revision")
    s.ok("rollout", "pause", "deploy/web")
    s.ok("rollout", "resume", "deploy/web")
    before = {p["metadata"]["name"] for p in s.k.pods("app=web")}
    s.ok("rollout", "restart", "deploy/web")
    s.ok("rollout", "status", "deploy/web")
    now = {p["metadata"]["name"] for p in s.k.pods("app=web") if not p["metadata"].get(
        "deletionTimestamp")}
    check(not before & now, "restart: other pods", before, now)
    s.ok("wait", "deploy/web", "--for=condition=available", "--timeout", "20s")
    s.ok("wait", "deploy/web", "--for=jsonpath={.status.replicas}=3", "--timeout", "20s")
    got = s.code(1, "wait", "deploy/web", "--for=delete", "--timeout", "1s")
    check(got.err, "a wait that ends says so")
    s.ok("delete", "pods", "-l", "app=web", "--wait=false")
    s.ok("rollout", "status", "deploy/web")
    s.ok("delete", "svc", "web")
    s.ok("delete", "deploy/web", "--timeout", "30s")
    s.ok("wait", "deploy/web", "--for=delete", "--timeout", "10s")
    wait_for("what it owned goes", lambda: not s.k.get("replicasets")["items"], 20)
    check_in("not found", s.code(1, "delete", "deploy/web").err, "delete of what is gone")
    s.ok("delete", "deploy/web", "--ignore-not-found")
    wait_for("its pods are gone", lambda: not s.k.pods("app=web"), 20)
    s.k.apply(web(replicas=1))
    s.k.rolled_out("deploy/web")
    s.ok("delete", "deploy/web", "--cascade", "orphan")
    check(len(s.k.pods("app=web")) == 1 and len(s.k.get("replicasets")["items"]) == 1, "orphans stay")
    s.ok("delete", "rs", "--all")
    wait_for("its pod is gone", lambda: not s.k.pods("app=web"), 20)


def case_delete_what_goes(cluster):
    """Of what is chosen, not named, it is no failure that somebody else was quicker."""
    s = Skiff(cluster, "goes")
    for how in (("-l", "of=x"), ("--field-selector", "metadata.name!=kube-root-ca.crt"), ("--all",)):
        s.k.apply(*[{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c%d" % i, "labels": {"of": "x"}}}
                    for i in range(40)])
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for got in [pool.submit(s.try_, "delete", "configmaps", *how) for _ in range(4)]:
                check(got.result().code == 0, "four at once, " + how[0], got.result().text())
        check(s.ok("get", "cm", "-l", "of=x", "-o", "name") == "", "all are gone")
    check_in("not found", s.code(1, "delete", "cm", "c0").err, "what is named must be there")


def case_files(cluster):
    """A folder, folders below it, standard input; diff; delete -f in reverse order."""
    s = Skiff(cluster, "files")
    folder = os.path.join(cluster.root, "manifests")
    os.makedirs(folder + "/below")
    objects = {"a.yaml": deployment("a", depends="b"), "b.json": deployment("b"),
               "below/c.yml": deployment("c", depends="a")}
    for name, thing in objects.items():
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(manifest(thing))
    check_in("+", s.code(1, "diff", "-f", folder).out, "a diff of what is not there")
    s.ok("apply", "-f", folder, "--dry-run=server")
    check(not s.k.get("deploy")["items"], "a dry run leaves nothing")
    out = s.ok("apply", "-f", folder, "--wait", "--timeout", "60s")
    check(out.index("✓ Deployment/b") < out.index("✓ Deployment/a"), "in order", out)
    check(s.k.get("deploy/c") is None, "not the folders below")
    s.ok("apply", "-f", folder, "-R", "--wait", "--timeout", "60s")
    check(s.code(0, "diff", "-f", folder, "-R").out == "", "nothing to change")
    s.k.ok("scale", "deploy/b", "--replicas=2")
    check_in("replicas", s.code(1, "diff", "-f", folder).out, "what was changed")
    s.ok("delete", "-f", folder, "-R", "--timeout", "60s", seconds=70)
    check(not s.k.get("deploy")["items"], "delete -f waits until all is gone")
    check(not s.k.pods("app=a") and not s.k.pods("app=c"), "and so the pods of those who depend on others")
    wait_for("no pods are left", lambda: not s.k.pods(), 10)


def case_ready_or_why(cluster):
    """apply --wait: 0 only when all is ready as applied; else 1, and one line an object says why."""
    s = Skiff(cluster, "ready")
    s.apply(web("1"))
    begin = time.monotonic()
    slow = web("2", script="sleep 3; echo up; exec httpd -f -p 8080 -h /tmp")
    s.apply(slow, flags=("--wait",))
    check(time.monotonic() - begin >= 3, "it waits for the new generation")
    d = s.k.get("deploy/web")
    check(d["status"]["updatedReplicas"] == 2 and d["status"]["replicas"] == 2, "all is new", d["status"])
    got = s.apply(web("3", script="echo no database here; exit 7"), code=1,
                  flags=("--wait", "--timeout", "60s", "--give-up", "4s"))
    text = got.out + got.err
    for part in ("Deployment/web", "exit code 7", "no database here"):
        check_in(part, text, "a crash in an update")
    check(s.k.get("deploy/web")["status"]["readyReplicas"] == 2, "what ran before runs on")
    table = (
        ("missing-image", deployment("missing-image", dict(pod_spec(), containers=[
            {"name": "c", "image": "localhost/nothing:1"}])), ("localhost/nothing:1",)),
        ("unready", deployment("unready", pod_spec(readinessProbe={
            "exec": {"command": ["false"]}, "periodSeconds": 1})), ("not ready",)),
        ("too-big", deployment("too-big", pod_spec(resources={"requests": {"cpu": "4000"}})),
         ("Insufficient cpu",)),
        ("failing", job("failing", "echo bad schema; exit 5", backoffLimit=0),
         ("exit code 5", "bad schema")),
        ("waiting", deployment("waiting", depends="nobody"), ("nobody",)),
        ("unconfigured", deployment("unconfigured", pod_spec(env=[{"name": "A", "valueFrom": {
            "configMapKeyRef": {"name": "gone", "key": "a"}}}])), ('configmap "gone" not found',)),
        ("naked", pod("naked", "echo naked end; exit 6", restartPolicy="Never", readinessProbe=NEVER_READY),
         ("exit code 6", "naked end")),
    )
    with concurrent.futures.ThreadPoolExecutor(len(table)) as pool: # each waits for most of its time
        answers = list(pool.map(
            lambda row: s.apply(row[1], code=1, flags=("--wait", "--timeout", "15s")), table))
    for (name, thing, parts), got in zip(table, answers):
        lines = [line for line in (got.out + got.err).split("\n") if name in line]
        check(lines, name + " has a line", got.text())
        for part in parts:
            check_in(part, got.out + got.err, name)
        s.ok("delete", thing["kind"], name, "--wait=false")
    # Several at once: a line each, and the good one is done.
    got = s.apply(crashing("one"), crashing("two", "other words", 8), deployment("three"), code=1,
                  flags=("--wait", "--timeout", "60s", "--give-up", "5s"))
    for part in ("no database here", "other words", "exit code 8", "✓ Deployment/three"):
        check_in(part, got.out + got.err, "several objects")


def case_refused(cluster):
    """Exit code 2 for what is in the files or on the command line, with what to do; nothing is half done."""
    s = Skiff(cluster, "refused")
    good = manifest(meta_only("good"))
    table = (
        ("a tab", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n", "line 4"),
        ("an unknown kind", "apiVersion: v1\nkind: Teapot\nmetadata: {name: x}\n", "Teapot"),
        ("an unknown field", json.dumps(dict(deployment("x"), spices=1)), "spices"),
        ("a doubled field", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b, a: c}\n",
         '"a"'),
        ("a wrong type", json.dumps(deployment("x", replicas="many")), "replicas"),
        ("a name too long", json.dumps(pod("x" * 254)), "253"),
        ("a cycle in the file", manifest(deployment("a", depends="b"), deployment("b", depends="a")), "→"),
        ("a bad annotation", json.dumps(deployment("x", depends="db:never")), "never"),
        ("no object", "", "no "),
        ("half a document", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x", "line"),
    )
    for what, text, part in table:
        got = s.code(2, "apply", "-f", "-", stdin=text)
        check_in(part, got.err, what)
    path = os.path.join(cluster.root, "two.yaml")
    with open(path, "w", encoding="ascii") as f:
        f.write(good + "\n---\nkind: [")
    check_in(path, s.code(2, "apply", "-f", path).err, "the file is named")
    check(s.k.get("configmap/good") is None, "nothing of a file that cannot be read is sent")
    for words in (("apply",), ("apply", "-f", "/no/such/file"), ("scale", "deploy/x"),
                  ("apply", "-f", path, "--tmeout", "5s"), ("aply", "-f", path), ("exec", "x"),
                  ("rollout", "sideways", "deploy/x"), ("wait", "pod/x"), ("logs",),
                  ("apply", "-f", path, "--wait", "--timeout", "soon"), ("image", "import"),
                  ("delete", "pods"), ("cluster", "sideways"), ("completion", "fish"),
                  ("get", "pods", "-o", "pictures"), ("token",), ("describe",), ("port-forward", "x"),
                  ("rollout", "undo"), ("why",), ("diff",)):
        got = s.try_(*words)
        check(got.code == 2 and len(got.err) > 10, "refused: " + " ".join(words), got.text())


def case_no_server(cluster):
    """Exit code 3, at once."""
    s = Skiff(cluster, "nobody")
    config = os.path.join(cluster.root, "nobody.kubeconfig")
    with open(cluster.kubeconfig, encoding="utf-8") as f:
        text = re.sub(r"(server: https://[^:]+):\d+", r"\1:1", f.read())
    with open(config, "w", encoding="utf-8") as f:
        f.write(text)
    table = (("get", "pods"), ("apply", "-f", example("a-depends-on-b.yaml")), ("tree",),
             ("logs", "x"), ("exec", "x", "--", "true"), ("delete", "pod", "x"), ("events",),
             ("diff", "-f", example("a-depends-on-b.yaml")), ("wait", "pod/x", "--for=delete"),
             ("scale", "deploy/x", "--replicas", "1"), ("rollout", "status", "deploy/x"),
             ("image", "list"), ("describe", "pod", "x"), ("why", "deploy/x"),
             ("port-forward", "x", "1:1"), ("token", "default"))
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(table)) as pool:
        for got in pool.map(lambda words: s.try_(*words, KUBECONFIG=config), table):
            check(got.code == 3 and ":1" in got.err, "no server", got.text())
    check(time.monotonic() - begin < 10, "not after long trying")
    got = s.try_("get", "pods", KUBECONFIG="/no/such/file")
    check(got.code in (2, 3) and "/no/such/file" in got.err, "no kubeconfig", got.text())


def meta_only(name):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name)}


def on_terminal(argv, env, seconds=60, rows=40, columns=100):
    """(exit code, all that was written to a terminal of this size)."""
    master, slave = pty.openpty()
    subprocess.run(["stty", "rows", str(rows), "cols", str(columns)], stdin=slave, check=True)
    process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env,
                               start_new_session=True)
    os.close(slave)
    seen, until = b"", time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            if not select.select([master], [], [], 0.2)[0]:
                continue
            try:
                part = os.read(master, 65536)
            except OSError:
                break
            if not part:
                break
            seen += part
        return process.wait(5), seen.decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        os.close(master)


def screen(text):
    """What stands on the terminal at the end: lines, as cursor movements left them."""
    lines, row = [""], 0
    for part in re.split(r"(\x1b\[\d*[A-Za-z]|\r|\n)", text):
        up = re.fullmatch(r"\x1b\[(\d*)A", part)
        if up:
            row = max(0, row - int(up.group(1) or 1))
        elif part == "\x1b[K" or part == "\r":
            lines[row] = "" if part == "\x1b[K" else lines[row]
        elif part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part and not ESCAPE.fullmatch(part):
            lines[row] += part
    return [line for line in lines if line]


def case_progress(cluster):
    """A line a workload, updated in place, with colours: on a terminal only."""
    s = Skiff(cluster, "progress")
    path = os.path.join(cluster.root, "progress.yaml")
    slow = pod_spec("sleep 2; touch /tmp/up; sleep 3600", readinessProbe={
        "exec": {"command": ["cat", "/tmp/up"]}, "periodSeconds": 1})
    with open(path, "w", encoding="ascii") as f:
        f.write(manifest(deployment("front", depends="db"), deployment("db", slow)))
    argv = s.argv("apply", "-f", path, "--wait", "--timeout", "60s")
    env = dict(cluster.env, TERM="xterm")
    env.pop("NO_COLOR", None)
    code, text = on_terminal(argv, env)
    check(code == 0, "apply on a terminal", code, text)
    check("\x1b[32m✓" in text and re.search(r"\x1b\[\d+A", text), "in place and in colour", repr(text))
    check_in("waiting for Deployment/db", text, "who waits for whom")
    shown = screen(text)
    for name in ("Deployment/front", "Deployment/db"):
        lines = [line for line in shown if re.search(r"✓ .*%s  ?.*ready" % name, line)]
        check(len(lines) == 1, "one line of " + name, *shown)
    s.ok("delete", "-f", path)
    code, text = on_terminal(argv, dict(env, NO_COLOR="1"))
    check(code == 0 and "\x1b[3" not in text and "\x1b[K" in text, "without colours", repr(text))
    s.ok("delete", "-f", path)
    code, text = on_terminal(argv, dict(env, TERM="dumb"))
    check(code == 0 and "\x1b" not in text, "a dumb terminal gets plain lines", repr(text))
    s.ok("delete", "-f", path)
    out = s.ok("apply", "-f", path, "--wait", "--timeout", "60s")
    check("\x1b" not in out and "\r" not in out, "a pipe gets plain lines", repr(out))
    for part in ("waiting for Deployment/db", "✓ Deployment/db", "✓ Deployment/front"):
        check_in(part, out, "in a pipe")
    code, text = on_terminal(s.argv("get", "pods"), env)
    check(code == 0 and "Running" in text, "get on a terminal", text)


def case_images(cluster):
    s = Skiff(cluster, "images")
    archive = os.path.join(cluster.root, "images", "busybox.tar")
    check_in("localhost/busybox:1", s.ok("image", "list"), "list")
    s.ok("image", "import", archive, "--node", cluster.node_name())
    with open(archive, "rb") as f:
        s.ok("image", "import", "-", stdin=f.read())
    check(s.code(1, "image", "remove", "localhost/nothing:1").err != "", "removing what is not there")
    bad = os.path.join(cluster.root, "bad.tar")
    with open(bad, "wb") as f:
        f.write(b"no archive" * 1000)
    got = s.try_("image", "import", bad)
    check(got.code in (1, 2) and got.err, "what is no archive", got.text())
    check_in("localhost/busybox:1", s.ok("image", "list"), "nothing is lost")


def case_completion(cluster):
    """In a real bash: commands, types and names."""
    s = Skiff(cluster, "completion")
    s.k.ok("create", "configmap", "findme", "--from-literal=a=b")
    s.k.apply(pod("pod-to-find"))
    script = """
PATH=%s:$PATH
source <(skiff completion bash) || exit 9
complete_line() {
	COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMP_WORDS=($*) COMP_CWORD=$(($# - 1))
	case "$COMP_LINE" in *" ") COMP_WORDS+=("") COMP_CWORD=$#;; esac
	COMPREPLY=()
	f=$(complete -p skiff | sed 's/.*-F \\([^ ]*\\).*/\\1/')
	$f skiff "${COMP_WORDS[$COMP_CWORD]}" "${COMP_WORDS[$((COMP_CWORD - 1))]}"
	printf '%%s\\n' "${COMPREPLY[@]}"
}
echo "== commands"; complete_line skiff ro
echo "== verbs"; complete_line skiff rollout un
echo "== options"; complete_line skiff apply --ti
echo "== types"; complete_line skiff get deploym
echo "== names"; complete_line skiff get configmaps -n completion fin
echo "== pods"; complete_line skiff logs -n completion pod-
""" % os.path.dirname(skiff())
    got = run(["bash", "-c", script], env=s.cluster.env)
    check(got.code == 0, "completion", got.text())
    for part in ("rollout", "undo", "--timeout", "deployments", "findme", "pod-to-find"):
        check_in("\n%s\n" % part, got.out, "completed")
