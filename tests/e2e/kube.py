"""kubectl on a test's cluster, and the questions tests ask through it."""
import glob
import json
import os
import shutil
import subprocess
import threading

from harness import SOURCE, TOOLS, Failure, check, run, wait_for

DEBIAN = os.path.join(TOOLS, "kubectl120", "usr", "bin", "kubectl")


def find_kubectls():
    """Every kubectl of this machine: the one in PATH, its numbered siblings, Debian's 1.20."""
    found = []
    first = shutil.which("kubectl")
    if first:
        siblings = sorted(glob.glob(os.path.realpath(first) + ".1.*"))
        # The oldest and the newest of many; the one in PATH may be a dispatcher to one of them.
        found = [first] + (siblings[:1] + siblings[-1:] if siblings else [])
    if provide_debian():
        found.append(DEBIAN)
    return found


def newest_kubectl():
    """Program and minor version of the newest of all."""
    found = {}
    for program in find_kubectls():
        got = run([program, "version", "--client", "-o", "json"])
        # A dispatcher says its own version, and then runs one that is no newer than its siblings.
        if got.code == 0 and "dispatcher" not in got.out:
            found[int(json.loads(got.out)["clientVersion"]["minor"].rstrip("+"))] = program
    return (found[max(found)], max(found)) if found else (shutil.which("kubectl") or DEBIAN, 0)


def provide_debian():
    """Debian's kubernetes-client, unpacked: installed it would take the place of another."""
    if os.path.exists(DEBIAN):
        return True
    work = os.path.join(TOOLS, "download-%d" % os.getpid())
    os.makedirs(work, exist_ok=True)
    try:
        subprocess.run(["apt-get", "download", "kubernetes-client"], cwd=work, timeout=120,
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        package = glob.glob(work + "/kubernetes-client_*.deb")[0]
        subprocess.run(["dpkg", "-x", package, os.path.join(TOOLS, "kubectl120")], check=True,
                       timeout=60)
    except (OSError, subprocess.SubprocessError, IndexError):
        return False
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return os.path.exists(DEBIAN)


class Kube:
    """kubectl in one namespace, which it makes."""

    def __init__(self, cluster, namespace, program=None):
        self.cluster, self.namespace = cluster, namespace
        self.program = program or shutil.which("kubectl") or DEBIAN
        if namespace not in ("default", "kube-system"):
            self.ok("create", "namespace", namespace)

    def argv(self, *arguments):
        return [self.program, "--kubeconfig", self.cluster.kubeconfig, "-n", self.namespace,
                *arguments]

    def try_(self, *arguments, stdin=None, seconds=60):
        return run(self.argv(*arguments), stdin, seconds, self.cluster.env)

    def ok(self, *arguments, stdin=None, seconds=60):
        """stdout of a command that must succeed."""
        got = self.try_(*arguments, stdin=stdin, seconds=seconds)
        check(got.code == 0, "kubectl failed", got.text())
        return got.out

    def refused(self, *arguments, stdin=None):
        """stderr of a command that must not succeed."""
        got = self.try_(*arguments, stdin=stdin)
        check(got.code != 0, "kubectl should have been refused", got.text())
        return got.err

    def explain_v2(self, *arguments):
        """What it explains by OpenAPI v2; old ones know nothing else."""
        form = "--output=plaintext-openapiv2"
        return self.ok("explain", *arguments,
                       *([form] if form[9:] in self.ok("explain", "--help") else []))

    def logs(self, wanted, *words):
        """Waits until a log is this: a container that runs may not have said all of it yet."""
        last = [None]

        def ask():
            got = self.try_("logs", *words)
            last[0] = got.out if got.code == 0 else got.err
            return last[0] == wanted
        try:
            wait_for("the log", ask, 20)
        except Failure as failure:
            raise Failure("%s\n    wanted: %r\n    got:    %r" % (failure, wanted, last[0])) from None

    def start(self, *arguments):
        """A command that goes on; its output is collected line by line."""
        return Running(self.argv(*arguments), self.cluster.env)

    def apply(self, *objects):
        return self.ok("apply", "-f", "-", stdin=manifest(*objects))

    def get(self, *what):
        """An object or list as data; None when there is no such object."""
        got = self.try_("get", *what, "-o", "json")
        if got.code != 0 and "NotFound" in got.err:
            return None
        check(got.code == 0, "kubectl get failed", got.text())
        return json.loads(got.out)

    def pods(self, selector=None):
        items = self.get("pods", *(["-l", selector] if selector else []))["items"]
        return sorted(items, key=lambda pod: pod["metadata"]["name"])

    def pod_name(self, selector):
        return self.pods(selector)[0]["metadata"]["name"]

    def rolled_out(self, name, seconds=60):
        self.ok("rollout", "status", name, "--timeout", "%ds" % seconds, seconds=seconds + 5)

    def until(self, what, kind_name, holds, seconds=60):
        """Waits until holds(object) of a kind/name, which may be None."""
        last = [None]

        def ask():
            last[0] = self.get(kind_name)
            return holds(last[0])
        try:
            wait_for(what, ask, seconds)
        except Failure as failure:
            raise Failure("%s\n    %s is: %s" % (failure, kind_name, json.dumps(
                last[0] and last[0].get("status", last[0])))) from None
        return last[0]

    def events(self, about):
        return ["%s %s" % (e.get("reason"), e.get("message")) for e in self.get("events")["items"]
                if e["involvedObject"]["name"].startswith(about)]


class Running:
    def __init__(self, argv, env):
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=env)
        self.lines = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    def wait_line(self, part, seconds=20):
        return wait_for("a line with '%s' in:\n%s" % (part, "\n".join(self.lines[-20:])),
                        lambda: any(part in line for line in self.lines), seconds, 0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join(5)


# ---- objects ----

def manifest(*objects):
    """Objects as kubectl takes them. A List: old ones do not take several JSON objects in a row."""
    if len(objects) == 1:
        return json.dumps(objects[0])
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def container(script="trap 'exit 0' TERM; sleep 3600 & wait", name="main", **more):
    return dict({"name": name, "image": "localhost/busybox:1",
                 "command": ["sh", "-c", script]}, **more)


def pod_spec(*args, **more):
    extra = {k: more.pop(k) for k in list(more) if k in POD_FIELDS}
    return dict({"terminationGracePeriodSeconds": 2, "containers": [container(*args, **more)]},
                **extra)


POD_FIELDS = ("tolerations", "nodeSelector", "restartPolicy", "initContainers", "volumes",
              "affinity", "nodeName", "topologySpreadConstraints", "serviceAccountName",
              "automountServiceAccountToken")


def meta(name, depends=None, **annotations):
    if depends is not None:
        annotations["skiff.dev/depends-on"] = depends
    return {"name": name, "annotations": {k.replace("__", "/"): v
                                          for k, v in annotations.items()}}


def deployment(name, spec=None, replicas=1, depends=None, **more):
    """A Deployment with pods labelled app=NAME."""
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(name, depends),
            "spec": dict({"replicas": replicas, "selector": {"matchLabels": {"app": name}},
                          "template": {"metadata": {"labels": {"app": name}},
                                       "spec": spec or pod_spec()}}, **more)}


def job(name, script, depends=None, **more):
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta(name, depends),
            "spec": dict({"template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec(
                script, restartPolicy="Never")}}, **more)}


def pod(name, *args, **more):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
            "spec": pod_spec(*args, **more)}


def service(name, port, target=None, node_port=None, selector=None):
    entry = {"port": port, "targetPort": target or port}
    if node_port:
        entry["nodePort"] = node_port
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"type": "NodePort" if node_port else "ClusterIP",
                     "selector": selector or {"app": name}, "ports": [entry]}}


def container_ids(pods):
    """What runs, by pod: the same after a fault means nothing was restarted."""
    return {p["metadata"]["name"]: [(c.get("containerID"), c["restartCount"],
                                     c["state"].get("running", {}).get("startedAt"))
                                    for c in p["status"].get("containerStatuses", [])]
            for p in pods}


def example(name):
    return os.path.join(SOURCE, "manifests", "examples", name)
