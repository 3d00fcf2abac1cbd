"""What the node agent makes of a pod: its configuration, volumes, probes, restarts, limits, its end, and
the names it can look up."""
import glob
import json
import os
import re
import socket
import time

from harness import check, check_in, run, wait_for
from kube import Kube, container, deployment, pod, pod_spec, service

SERVE = "mkdir -p /tmp/w; echo ok > /tmp/w/ok; exec httpd -f -p 8080 -h /tmp/w"
LANES = 3


def field(path):
    return {"valueFrom": {"fieldRef": {"fieldPath": path}}}


def resource(name):
    return {"valueFrom": {"resourceFieldRef": {"resource": name}}}


def ended(k, name, seconds=30):
    """The pod once all its containers have ended."""
    return k.until("%s has ended" % name, "pod/" + name, lambda p: p["status"].get("phase") in (
        "Succeeded", "Failed"), seconds)


def first_status(p):
    return (p["status"].get("containerStatuses") or [{}])[0]


def restarts(p):
    return first_status(p).get("restartCount", 0)


def is_ready(p):
    return first_status(p).get("ready", False)


def waits_for(k, name, reason, seconds=30, which="containerStatuses"):
    return k.until("%s: %s" % (name, reason), "pod/" + name, lambda p: any(
        s["state"].get("waiting", {}).get("reason") == reason
        for s in p["status"].get(which, [])), seconds)


def case_environment(cluster):
    k = Kube(cluster, "env")
    k.ok("create", "configmap", "settings", "--from-literal=colour=blue", "--from-literal=SIZE=9")
    k.ok("create", "secret", "generic", "hidden", "--from-literal=word=sesame")
    env = {"PLAIN": {"value": "a b"}, "NESTED": {"value": "<$(PLAIN)> $$(PLAIN) $(NONE)"},
           "COLOUR": {"valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}},
           "WORD": {"valueFrom": {"secretKeyRef": {"name": "hidden", "key": "word"}}},
           "ABSENT": {"valueFrom": {"secretKeyRef": {"name": "no", "key": "no", "optional": True}}},
           "NAME": field("metadata.name"), "NS": field("metadata.namespace"),
           "NODE": field("spec.nodeName"), "IP": field("status.podIP"),
           "HOST": field("status.hostIP"), "LABEL": field("metadata.labels['app']"),
           "ACCOUNT": field("spec.serviceAccountName"), "CPU": resource("limits.cpu"),
           "MEMORY": resource("requests.memory")}
    k.apply(pod("told", "env | sort; pwd; id -u; echo \"$@\"", restartPolicy="Never", args=["sh", "x", "$(PLAIN)"],
                env=[dict(value, name=name) for name, value in env.items()],
                envFrom=[{"configMapRef": {"name": "settings"}},
                         {"prefix": "S_", "secretRef": {"name": "hidden"}}],
                workingDir="/tmp", securityContext={"runAsUser": 7},
                resources={"limits": {"cpu": "1500m", "memory": "64Mi"}}))
    p = ended(k, "told")
    lines = k.ok("logs", "told").split("\n")
    for line in ("PLAIN=a b", "NESTED=<a b> $(PLAIN) $(NONE)", "COLOUR=blue", "WORD=sesame",
                 "NAME=told", "NS=env", "NODE=" + cluster.node_name(), "LABEL=told",
                 "ACCOUNT=default", "CPU=2", "MEMORY=67108864", "SIZE=9", "colour=blue",
                 "S_word=sesame", "IP=" + p["status"]["podIP"],
                 "HOST=" + p["status"]["hostIP"], "HOSTNAME=told", "/tmp", "7", "x a b"):
        check(line in lines, "in the pod's environment: " + line, *lines)
    check(not any(line.startswith("ABSENT") for line in lines), "what is optional and absent")
    service_host = [line for line in lines if line.startswith("KUBERNETES_SERVICE_HOST=")]
    check(service_host, "where the API is", *lines)


def case_volumes(cluster):
    k = Kube(cluster, "volumes")
    on_host = os.path.join(cluster.root, "shared")
    os.makedirs(on_host)
    with open(os.path.join(on_host, "from-host"), "w", encoding="ascii") as f:
        f.write("host\n")
    k.ok("create", "configmap", "files", "--from-literal=one=1", "--from-literal=two=2")
    k.ok("create", "secret", "generic", "hidden", "--from-literal=word=sesame")
    volumes = [
        {"name": "empty", "emptyDir": {}}, {"name": "memory", "emptyDir": {"medium": "Memory"}},
        {"name": "all", "configMap": {"name": "files"}},
        {"name": "some", "configMap": {"name": "files", "defaultMode": 0o440, "items": [
            {"key": "two", "path": "deep/er/zwei", "mode": 0o400}]}},
        {"name": "hidden", "secret": {"secretName": "hidden"}},
        {"name": "host", "hostPath": {"path": on_host, "type": "Directory"}},
        {"name": "made", "hostPath": {"path": on_host + "/made", "type": "DirectoryOrCreate"}},
        {"name": "about", "downwardAPI": {"items": [
            {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
            {"path": "cpu", "resourceFieldRef": {"containerName": "main",
                                                 "resource": "limits.cpu", "divisor": "1m"}}]}},
        {"name": "mixed", "projected": {"sources": [
            {"configMap": {"name": "files", "items": [{"key": "one", "path": "one"}]}},
            {"secret": {"name": "hidden"}},
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}]}},
    ]
    mounts = [{"name": v["name"], "mountPath": "/v/" + v["name"]} for v in volumes]
    mounts += [{"name": "all", "mountPath": "/v/just-one", "subPath": "one"},
               {"name": "empty", "mountPath": "/v/never-written", "readOnly": True}]
    second = container("echo second > /shared/second; sleep 3600", name="second",
                       volumeMounts=[{"name": "empty", "mountPath": "/shared"}])
    spec = pod_spec(volumes=volumes, volumeMounts=mounts, resources={"limits": {"cpu": "250m"}})
    spec["containers"].append(second)
    spec["initContainers"] = [container("echo init > /shared/init", name="init", volumeMounts=[
        {"name": "empty", "mountPath": "/shared"}])]
    k.apply(dict(pod("full"), spec=spec))
    k.ok("wait", "pod/full", "--for=condition=Ready", "--timeout=30s")

    def sh(script):
        return k.ok("exec", "full", "-c", "main", "--", "sh", "-c", script)
    for script, want in (
            ("cat /v/empty/init", "init\n"), ("cat /v/all/one /v/all/two", "12"),
            ("ls /v/some; cat /v/some/deep/er/zwei", "deep\n2"),
            ("stat -Lc %a /v/some/deep/er/zwei", "400\n"),
            ("stat -Lc %a /v/all/one /v/hidden/word", "644\n644\n"),
            ("cat /v/hidden/word", "sesame"), ("cat /v/host/from-host", "host\n"),
            ("cat /v/just-one", "1"), ("cat /v/about/cpu", "250"),
            ("cat /v/about/labels", 'app="full"'), ("cat /v/mixed/one /v/mixed/word", "1sesame"),
            ("wc -c < /v/mixed/token | grep -qx '[0-9]\\{3,\\}' && echo long", "long\n"),
            ("grep ' /v/memory ' /proc/mounts | cut -d' ' -f1,3", "tmpfs tmpfs\n"),
            ("echo x > /v/empty/x && cat /v/never-written/x", "x\n"),
            ("touch /v/never-written/y 2>&1 | grep -c 'Read-only'", "1\n"),
            ("touch /v/all/y 2>&1 | grep -c 'Read-only'", "1\n"),
            ("echo back > /v/host/from-pod", ""), ("echo back > /v/made/from-pod", "")):
        got = k.try_("exec", "full", "-c", "main", "--", "sh", "-c", script)
        check(got.out == want, script, got.text())
    wait_for("the other container's file", lambda: sh("cat /v/empty/second || :") == "second\n", 10)
    for path in ("from-pod", "made/from-pod"):
        with open(os.path.join(on_host, path), encoding="ascii") as f:
            check(f.read() == "back\n", "on the host: " + path)
    k.ok("create", "configmap", "files", "--from-literal=one=new", "-o", "json", "--dry-run=client")
    k.ok("patch", "configmap", "files", "-p", '{"data":{"one":"new"}}')
    k.ok("label", "pod", "full", "tier=front")
    wait_for("a changed ConfigMap in the pod", lambda: sh("cat /v/all/one") == "new", 90)
    wait_for("changed labels", lambda: 'tier="front"' in sh("cat /v/about/labels"), 90)
    check(sh("cat /v/just-one") == "1", "a subPath keeps what it was mounted from")
    uid = k.get("pod/full")["metadata"]["uid"]
    k.ok("delete", "pod", "full", "--timeout=20s")
    wait_for("its files are removed", lambda: not glob.glob(
        cluster.root + "/**/%s*" % uid, recursive=True), 10)
    with open("/proc/self/mounts", encoding="utf-8") as f:
        check(uid not in f.read(), "and its mounts")
    check(os.path.exists(on_host + "/from-host"), "the host's own stay")


def case_what_is_missing(cluster):
    """A pod that waits for its ConfigMap, a host path that is not there, a key that is none."""
    k = Kube(cluster, "missing")
    k.apply(pod("env", env=[{"name": "A", "valueFrom": {"configMapKeyRef": {
        "name": "late", "key": "a"}}}]),
            pod("volume", volumes=[{"name": "v", "configMap": {"name": "late"}}],
                volumeMounts=[{"name": "v", "mountPath": "/v"}]),
            pod("host", volumes=[{"name": "v", "hostPath": {"path": "/no/such", "type": "Directory"}}],
                volumeMounts=[{"name": "v", "mountPath": "/v"}]))
    p = waits_for(k, "env", "CreateContainerConfigError")
    check_in('configmap "late" not found', first_status(p)["state"]["waiting"]["message"], "missing")
    for name, words in (("volume", 'configmap "late" not found'), ("host", "/no/such")):
        wait_for("an event of " + name, lambda n=name, w=words: any(
            "FailedMount" in e and w in e for e in k.events(n)), 30)
    k.ok("create", "configmap", "late", "--from-literal=a=b")
    for name in ("env", "volume"):
        k.ok("wait", "pod/" + name, "--for=condition=Ready", "--timeout=90s", seconds=95)


def case_init_containers(cluster):
    k = Kube(cluster, "init")

    def inits(*scripts):
        return [container(script, name="i%d" % i) for i, script in enumerate(scripts)]
    k.apply(pod("good", "echo main", restartPolicy="Never", initContainers=inits(
        "sleep 1; echo one", "echo two")),
            pod("bad", "echo main", restartPolicy="Never", initContainers=inits("exit 4", "true")),
            pod("again", "echo main", restartPolicy="Always", initContainers=inits("exit 5")))
    p = ended(k, "good")
    times = [s["state"]["terminated"] for s in p["status"]["initContainerStatuses"]]
    main = first_status(p)["state"]["terminated"]
    check(times[0]["finishedAt"] <= times[1]["startedAt"] and
          times[1]["finishedAt"] <= main["startedAt"], "one after the other", times, main)
    check(k.ok("logs", "good", "-c", "i1") == "two\n", "an init container's log")
    p = ended(k, "bad")
    check(p["status"]["phase"] == "Failed", "a failed init container fails the pod", p["status"])
    check_in("Init:Error", k.ok("get", "pod", "bad"), "the table")
    waits_for(k, "again", "CrashLoopBackOff", which="initContainerStatuses")
    check_in("Init:CrashLoopBackOff", k.ok("get", "pod", "again"), "the table")


HOW = {"httpGet": {"httpGet": {"path": "/ok", "port": 8080}}, "tcpSocket": {"tcpSocket": {"port": 8080}},
       "exec": {"exec": {"command": ["cat", "/tmp/w/ok"]}}}
# What makes each of them fail, and good again.
BREAK = {"httpGet": "rm /tmp/w/ok", "tcpSocket": "kill $(cat /tmp/pid)", "exec": "rm /tmp/w/ok"}
SERVE_AND_STAY = ("mkdir -p /tmp/w; echo ok > /tmp/w/ok; "
                  "httpd -f -p 8080 -h /tmp/w & echo $! > /tmp/pid; trap 'exit 0' TERM; sleep 3600 & "
                  "while :; do wait; done")


def case_readiness(cluster):
    """Each kind of probe: ready, not ready, ready again; and the Service's endpoints with it."""
    k = Kube(cluster, "readiness")
    for kind, how in HOW.items():
        name = kind.lower()
        k.apply(pod(name, SERVE_AND_STAY, readinessProbe=dict(
            how, periodSeconds=1, failureThreshold=2)), service(name, 80, 8080))
    for kind in HOW:
        name = kind.lower()

        def endpoints(n=name):
            return [a for s in k.get("endpoints/" + n).get("subsets", [])
                    for a in s.get("addresses", [])]
        k.ok("wait", "pod/" + name, "--for=condition=Ready", "--timeout=30s")
        wait_for("an endpoint", endpoints, 10)
        k.ok("exec", name, "--", "sh", "-c", BREAK[kind])
        p = k.until(name + " is not ready", "pod/" + name, lambda p: not is_ready(p), 15)
        check(restarts(p) == 0, "readiness restarts nobody")
        wait_for("no endpoint", lambda e=endpoints: not e(), 10)
        check(any("Unhealthy" in e and "Readiness probe failed" in e for e in k.events(name)),
              "an event", *k.events(name))
        k.ok("exec", name, "--", "sh", "-c", "mkdir -p /tmp/w; echo ok > /tmp/w/ok; "
             "kill -0 $(cat /tmp/pid) || { httpd -p 8080 -h /tmp/w; }")
        k.until(name + " is ready again", "pod/" + name, is_ready, 15)


def case_liveness(cluster):
    """Each kind of probe: it fails, the container is restarted, and only that one."""
    k = Kube(cluster, "liveness")
    for kind, how in HOW.items():
        spec = pod_spec(SERVE_AND_STAY, livenessProbe=dict(how, periodSeconds=1, failureThreshold=2))
        spec["containers"].append(container(name="beside"))
        k.apply(dict(pod(kind.lower()), spec=spec))
    for kind in HOW:
        k.ok("wait", "pod/" + kind.lower(), "--for=condition=Ready", "--timeout=30s")
        k.ok("exec", kind.lower(), "-c", "main", "--", "sh", "-c", BREAK[kind])
    for kind in HOW:
        name = kind.lower()

        def counts(p):
            return {s["name"]: s["restartCount"] for s in p["status"]["containerStatuses"]}
        p = k.until(name + " was restarted", "pod/" + name, lambda p: counts(p)["main"] == 1, 20)
        check(counts(p)["beside"] == 0, "the other container goes on", counts(p))
        check(any("Unhealthy" in e and "Liveness probe failed" in e for e in k.events(name)) and
              any("Killing" in e for e in k.events(name)), "events", *k.events(name))


def case_startup(cluster):
    """The others wait for it; one that never comes is killed."""
    k = Kube(cluster, "startup")
    absent = {"exec": {"command": ["cat", "/tmp/up"]}}
    stay = "trap 'exit 0' TERM; sleep 3600 & wait"
    k.apply(pod("slow", "sleep 4; touch /tmp/up; " + stay,
                startupProbe=dict(absent, periodSeconds=1, failureThreshold=20),
                livenessProbe=dict(absent, periodSeconds=1, failureThreshold=1)),
            pod("never", stay, startupProbe=dict(absent, periodSeconds=1, failureThreshold=2)))
    p = k.until("slow runs", "pod/slow", lambda p: "running" in first_status(p).get("state", {}), 20)
    check(first_status(p).get("started") is False and not is_ready(p), "not started yet", p["status"])
    k.ok("wait", "pod/slow", "--for=condition=Ready", "--timeout=20s")
    p = k.get("pod/slow")
    check(restarts(p) == 0 and first_status(p)["started"] is True, "its liveness waited", p["status"])
    k.until("never is restarted", "pod/never", lambda p: restarts(p) >= 1, 20)


def case_restart_policies(cluster):
    k = Kube(cluster, "restart")
    for policy in ("Never", "OnFailure", "Always"):
        for code in (0, 3):
            k.apply(pod("%s-%d" % (policy.lower(), code), "echo run; exit %d" % code,
                        restartPolicy=policy))
    for name, phase in (("never-0", "Succeeded"), ("never-3", "Failed"),
                        ("onfailure-0", "Succeeded")):
        p = ended(k, name)
        check(p["status"]["phase"] == phase and restarts(p) == 0, name, p["status"])
    for name in ("onfailure-3", "always-0", "always-3"):
        waits_for(k, name, "CrashLoopBackOff")
    p = k.until("always-3's third life", "pod/always-3", lambda p: restarts(p) >= 2, 50)
    ran = first_status(p)["lastState"]["terminated"]
    check(ran["exitCode"] == 3, "its exit code", ran)
    check_in("back-off 20s", json.dumps(waits_for(k, "always-3", "CrashLoopBackOff")["status"]),
             "the pause has doubled")


def case_end(cluster):
    """SIGTERM, a hook before it, SIGKILL after the grace period, and none at all."""
    k = Kube(cluster, "end")
    out = os.path.join(cluster.root, "ends")
    os.makedirs(out)
    volume = {"volumes": [{"name": "out", "hostPath": {"path": out}}],
              "volumeMounts": [{"name": "out", "mountPath": "/out"}]}
    deaf = "trap '' TERM; while :; do sleep 0.2; date +%s > /out/$HOSTNAME.alive; done"

    def grace(p, seconds):
        p["spec"]["terminationGracePeriodSeconds"] = seconds
        return p
    k.apply(grace(pod("polite", "trap 'sleep 1; echo bye > /out/polite; exit 0' TERM; "
                      "sleep 3600 & wait", **volume), 20),
            grace(pod("hooked", "trap 'echo term >> /out/hooked; exit 0' TERM; sleep 3600 & wait",
                      lifecycle={"preStop": {"exec": {"command": [
                          "sh", "-c", "sleep 1; echo hook >> /out/hooked"]}}}, **volume), 20),
            grace(pod("deaf", deaf, **volume), 3), grace(pod("forced", deaf, **volume), 600))
    k.ok("wait", "pod", "--all", "--for=condition=Ready", "--timeout=30s")
    took = {}
    for name, flags in (("polite", ()), ("hooked", ()), ("deaf", ()),
                        ("forced", ("--grace-period=1",))):
        begin = time.monotonic()
        k.ok("delete", "pod", name, "--timeout=15s", *flags)
        took[name] = time.monotonic() - begin
    with open(out + "/polite", encoding="ascii") as f:
        check(f.read() == "bye\n", "SIGTERM is heard")
    with open(out + "/hooked", encoding="ascii") as f:
        check(f.read() == "hook\nterm\n", "the hook comes before SIGTERM")
    check(0.9 < took["polite"] < 8 and took["deaf"] >= 3 and took["forced"] < 10,
          "how long it took", took)
    alive = {}
    for name in ("deaf", "forced"):
        with open("%s/%s.alive" % (out, name), encoding="ascii") as f:
            alive[name] = f.read()
    time.sleep(1.2)
    for name, text in alive.items():
        with open("%s/%s.alive" % (out, name), encoding="ascii") as f:
            check(f.read() == text, name + " is dead")


def cgroup_value(k, name, *files):
    """Of the container's cgroup, as the host sees it: v1 and v2 name it differently."""
    uid = k.get("pod/" + name)["metadata"]["uid"]
    container_id = first_status(k.get("pod/" + name))["containerID"].split("//")[1]
    for f in files:
        for path in glob.glob("/sys/fs/cgroup/**/*%s*/**/%s" % (uid, f), recursive=True):
            if container_id in path:
                with open(path, encoding="ascii") as text:
                    return text.read().strip()
    return None


def case_limits(cluster):
    k = Kube(cluster, "limits")
    k.apply(pod("small", resources={"limits": {"cpu": "500m", "memory": "32Mi"}}),
            pod("fat", "head -c 100000000 /dev/zero | tail | wc -c; exit 9", restartPolicy="Never",
                resources={"limits": {"memory": "16Mi"}}),
            pod("huge", resources={"requests": {"cpu": "4000"}}))
    k.ok("wait", "pod/small", "--for=condition=Ready", "--timeout=20s")
    memory = cgroup_value(k, "small", "memory.limit_in_bytes", "memory.max")
    check(memory == str(32 << 20), "memory limit", memory)
    cpu = cgroup_value(k, "small", "cpu.cfs_quota_us", "cpu.max")
    check(cpu in ("50000", "50000 100000"), "CPU limit", cpu)
    check(k.get("pod/small")["status"]["qosClass"] == "Guaranteed", "its class")
    p = ended(k, "fat")
    check(first_status(p)["state"]["terminated"]["reason"] in ("OOMKilled", "Error"), "too much memory",
          p["status"])
    p = k.until("huge cannot be placed", "pod/huge", lambda p: any(
        c["reason"] == "Unschedulable" for c in p["status"].get("conditions", [])
        if c["type"] == "PodScheduled"), 15)
    check_in("Insufficient cpu", json.dumps(p["status"]), "why")


def case_attach(cluster):
    k = Kube(cluster, "attach")
    k.apply(pod("shell", "echo ready; while read line; do echo got $line; done", stdin=True))
    k.ok("wait", "pod/shell", "--for=condition=Ready", "--timeout=20s")
    with k.start("attach", "shell") as attached:
        time.sleep(0.5)
        got = run(["sh", "-c", "(echo one; sleep 1) | timeout 5 %s" % " ".join(
            k.argv("attach", "-i", "shell"))], env=cluster.env)
        check_in("got one", got.out, "attach -i")
        attached.wait_line("got one", 5)


def looked_up(k, name, *more):
    got = k.try_("exec", "client", "--", "nslookup", *more, name)
    return sorted(re.findall(r"^Address: (\d+\.\d+\.\d+\.\d+)\s*$", got.out, re.M)), got


def case_names(cluster):
    """Cluster DNS: Services by every form of their name, headless ones, and names of the world."""
    k = Kube(cluster, "names")
    other = Kube(cluster, "elsewhere")
    headless = service("headless", 8080, selector={"app": "web"})
    headless["spec"]["clusterIP"] = "None"
    k.apply(deployment("web", pod_spec(SERVE), replicas=2), service("web", 80, 8080), headless,
            pod("client"), {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "alias"},
                            "spec": {"type": "ExternalName",
                                     "externalName": "web.names.svc.cluster.local"}})
    other.apply(pod("client"))
    k.rolled_out("deploy/web")
    for who in (k, other):
        who.ok("wait", "pod/client", "--for=condition=Ready", "--timeout=20s")
    address = k.get("svc/web")["spec"]["clusterIP"]
    pods = sorted(p["status"]["podIP"] for p in k.pods("app=web"))
    conf = k.ok("exec", "client", "--", "cat", "/etc/resolv.conf")
    check_in("search names.svc.cluster.local svc.cluster.local cluster.local", conf, "resolv.conf")
    for name, want in (("web.names.svc.cluster.local", [address]),
                       ("headless.names.svc.cluster.local", pods),
                       ("kubernetes.default.svc.cluster.local",
                        [other.get("svc/kubernetes", "-n", "default")["spec"]["clusterIP"]])):
        wait_for("%s: %s" % (name, want), lambda n=name, w=want: looked_up(k, n)[0] == w, 15)
    check(looked_up(k, "alias.names.svc.cluster.local")[0] == [address], "an alias",
          looked_up(k, "alias.names.svc.cluster.local")[1].text())
    check_in("NXDOMAIN", looked_up(k, "nobody.names.svc.cluster.local")[1].out, "no such Service")
    # By the search path, as programs do: busybox's ping asks the C library.
    for who, name in ((k, "web"), (k, "web.names"), (other, "web.names"), (other, "web.names.svc")):
        got = who.try_("exec", "client", "--", "ping", "-c", "1", "-W", "1", name)
        check_in("(%s)" % address, got.out, "%s from %s" % (name, who.namespace))
    world = "deb.debian.org"
    try:
        here = socket.gethostbyname(world)
    except OSError:
        print("       the world's names are not known on this machine: not looked up in a pod")
        return
    wait_for("a name of the world", lambda: here in looked_up(k, world)[0], 15)
