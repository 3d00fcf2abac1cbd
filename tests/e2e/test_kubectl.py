"""Everyday verbs with every kubectl found: each case runs once a kubectl, in its own namespace."""
import concurrent.futures
import hashlib
import json
import os
import re
import socket
import urllib.request

from harness import Failure, check, check_in, run, wait_for
from kube import (Kube, container, container_ids, deployment, find_kubectls, manifest, pod,
                  service)

WEB = ("echo hello from $VERSION > /tmp/index.html; echo serving; "
       "exec httpd -f -p 8080 -h /tmp")


def web(version="1", replicas=2):
    spec = {"terminationGracePeriodSeconds": 1, "containers": [container(
        WEB, name="web", env=[{"name": "VERSION", "value": version}],
        ports=[{"containerPort": 8080}],
        readinessProbe={"tcpSocket": {"port": 8080}, "periodSeconds": 1})]}
    d = deployment("web", spec, replicas)
    d["metadata"]["annotations"]["kubernetes.io/change-cause"] = "version " + version
    return d


def version_of(program):
    got = run([program, "version", "--client", "-o", "json"])
    return json.loads(got.out)["clientVersion"]["gitVersion"]


def check_get(k):
    out = k.ok("get", "deployments")
    check(re.search(r"NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +2/2 +2 +2 +\d+s", out),
          "table of deployments", out)
    out = k.ok("get", "pods", "-o", "wide")
    check(len(re.findall(r"web-\S+ +1/1 +Running +0 +\d+s +10\.\d+\.\d+\.\d+ +%s" %
                         k.cluster.node_name(), out)) == 2, "wide table of pods", out)
    out = k.ok("get", "pods", "--show-labels", "--no-headers")
    check_in("app=web", out, "labels column")
    check_in("kind: Deployment", k.ok("get", "deploy", "web", "-o", "yaml"), "yaml")
    check(k.get("deploy/web")["status"]["readyReplicas"] == 2, "json")
    check(k.ok("get", "deploy", "web", "-o", "jsonpath={.spec.replicas} {.status.replicas}") ==
          "2 2", "jsonpath")
    check(k.ok("get", "deploy", "-o", "name") == "deployment.apps/web\n", "names")
    out = k.ok("get", "pods", "-o", "custom-columns=N:.metadata.name,P:.status.phase")
    check_in("Running", out, "custom columns")
    check(k.ok("get", "all").count("web") >= 5, "get all")
    check_in("not found", k.refused("get", "pod", "nobody"), "get of what is not there")
    check(k.ok("get", "pods", "-l", "app=other", "-o", "name") == "", "label selector")
    check(k.ok("get", "pods", "--field-selector", "status.phase=Running", "-o",
               "name").count("\n") == 2, "field selector")


def check_describe(k):
    name = k.pod_name("app=web")
    wait_for("its start is told", lambda: "Started" in k.ok("describe", "pod", name), 20)
    out = k.ok("describe", "pod", name)
    for part in ("localhost/busybox:1", "Controlled By:", "ReplicaSet/web-", "Scheduled", "Started"):
        check_in(part, out, "describe pod")
    out = k.ok("describe", "deployment", "web")
    for part in ("RollingUpdate", "ScalingReplicaSet", "NewReplicaSet:"):
        check_in(part, out, "describe deployment")
    check_in("InternalIP", k.ok("describe", "node", k.cluster.node_name()), "describe node")
    check_in("Endpoints:", k.ok("describe", "service", "web"), "describe service")


def check_logs(k):
    script = "echo first line; echo second line >&2; sleep 0.3; echo third line; exit 7"
    k.apply(pod("talker", script, restartPolicy="Always"))
    wait_for("the talker's second life", lambda: (
        k.get("pod/talker")["status"].get("containerStatuses") or [{}])[0].get(
            "restartCount", 0) >= 1, 30)
    out = k.ok("logs", "talker", "--previous")
    check(sorted(out.split("\n")) == ["", "first line", "second line", "third line"],
          "logs of the last life", out)
    check(k.ok("logs", "talker", "--previous", "--tail=1") == "third line\n", "logs --tail")
    state = k.get("pod/talker")["status"]["containerStatuses"][0]
    check(state["lastState"]["terminated"]["exitCode"] == 7, "exit code in the status", state)
    k.apply(pod("counter", "for i in 1 2 3; do echo line $i; sleep 0.3; done; sleep 3600"))
    k.ok("wait", "pod/counter", "--for=condition=Ready", "--timeout=30s")
    with k.start("logs", "-f", "counter") as follow:
        follow.wait_line("line 3")
        check(follow.lines[:3] == ["line 1", "line 2", "line 3"], "logs -f", follow.lines)
        k.ok("delete", "pod", "counter", "talker")
        follow.process.wait(20)
    check_in("serving", k.ok("logs", "deployment/web"), "logs of a deployment")
    check(k.ok("logs", "-l", "app=web").count("serving") == 2, "logs by label")
    check(re.match(r"20\d\d-\d\d-\d\dT\S+Z serving", k.ok("logs", "deploy/web", "--timestamps")),
          "logs --timestamps")


def check_exec(k):
    name = k.pod_name("app=web")
    check(k.ok("exec", name, "--", "echo", "a b", "c") == "a b c\n", "exec")
    got = k.try_("exec", name, "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    check(got.code == 3 and got.out == "out\n" and "err\n" in got.err, "exec's code", got.text())
    got = k.try_("exec", "-i", name, "--", "cat", stdin="x", seconds=20)
    check(got.code == 0 and got.out == "x", "closed stdin ends cat", got.text())
    out = k.ok("exec", "deploy/web", "-c", "web", "--", "sh", "-c", "echo $VERSION $HOSTNAME")
    check(re.match(r"1 web-", out), "exec in a deployment", out)
    check_in("not found", k.refused("exec", "nobody", "--", "true"), "exec in no pod")
    got = k.try_("exec", name, "--", "no-such-program")
    check(got.code not in (0, None), "exec of no program", got.text())


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def check_port_forward(k):
    port = free_port()
    for target in (k.pod_name("app=web"), "service/web"):
        with k.start("port-forward", target, "%d:8080" % port) as forward:
            forward.wait_line("Forwarding from 127.0.0.1")
            for _ in range(3):
                with urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=10) as answer:
                    check(answer.read() == b"hello from 1\n", "port-forward to " + target)


def check_cp(k):
    data = os.urandom(4 << 20)
    path = os.path.join(k.cluster.root, "sent-%s" % k.namespace)
    name = k.pod_name("app=web")
    with open(path, "wb") as f:
        f.write(data)
    k.ok("cp", path, "%s:/tmp/received" % name)
    check_in(hashlib.sha256(data).hexdigest(), k.ok("exec", name, "--", "sha256sum",
                                                    "/tmp/received"), "cp into a pod")
    k.ok("cp", "%s:/tmp/received" % name, path + ".back")
    with open(path + ".back", "rb") as f:
        check(f.read() == data, "cp out of a pod")


def image_version(k):
    return k.get("deploy/web")["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"]


def check_rollout(k):
    k.apply(web("2"))
    check_in("successfully rolled out", k.ok("rollout", "status", "deploy/web", "--timeout=60s",
                                             seconds=65), "rollout status")
    new = ready_pods(k)[0]["metadata"]["name"] # deploy/web might be one that is about to end
    check_in("hello from 2", k.ok("exec", new, "--", "cat", "/tmp/index.html"),
             "the new version runs")
    out = k.ok("rollout", "history", "deploy/web")
    check(re.search(r"1 +version 1\n2 +version 2\n", out), "rollout history", out)
    check_in("VERSION:\t2", k.ok("rollout", "history", "deploy/web", "--revision=2"),
             "one revision")
    k.ok("rollout", "undo", "deploy/web")
    k.rolled_out("deploy/web")
    check(image_version(k) == "1", "rollout undo")
    before = container_ids(k.pods("app=web"))
    k.ok("rollout", "restart", "deploy/web")
    k.rolled_out("deploy/web")
    check(not set(before) & set(container_ids(ready_pods(k))), "rollout restart: new pods")
    k.ok("rollout", "pause", "deploy/web")
    k.ok("rollout", "resume", "deploy/web")


def ready_pods(k):
    return [p for p in k.pods("app=web") if not p["metadata"].get("deletionTimestamp")]


def check_scale(k):
    k.ok("scale", "deploy/web", "--replicas=4")
    k.rolled_out("deploy/web")
    check(len(ready_pods(k)) == 4, "scaled up")
    check_in("error", k.refused("scale", "deploy/web", "--replicas=1", "--current-replicas=3"),
             "scale under a wrong condition")
    k.ok("scale", "deploy/web", "--replicas=1")
    k.rolled_out("deploy/web")
    wait_for("one pod left", lambda: len(k.pods("app=web")) == 1, 20)


def check_edit_verbs(k):
    k.ok("label", "deploy/web", "tier=front")
    k.ok("annotate", "deploy/web", "note=hello")
    k.ok("patch", "deploy/web", "-p", '{"metadata":{"labels":{"tier":"back"}}}')
    k.ok("patch", "deploy/web", "--type=json", "-p",
         '[{"op":"replace","path":"/metadata/annotations/note","value":"bye"}]')
    got = k.get("deploy/web")["metadata"]
    check(got["labels"]["tier"] == "back" and got["annotations"]["note"] == "bye", "patched", got)
    k.ok("create", "configmap", "settings", "--from-literal=colour=blue")
    k.ok("create", "secret", "generic", "password", "--from-literal=word=sesame")
    k.apply(pod("reader", "echo $COLOUR $(cat /secret/word); sleep 3600", env=[{
        "name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}}],
        volumeMounts=[{"name": "s", "mountPath": "/secret"}],
        volumes=[{"name": "s", "secret": {"secretName": "password"}}]))
    k.ok("wait", "pod/reader", "--for=condition=Ready", "--timeout=30s")
    k.logs("blue sesame\n", "reader")
    got = k.try_("diff", "-f", "-", stdin=manifest(web("5")))
    check(got.code == 1 and '"5"' in got.out.replace("value: 5", '"5"'), "diff", got.text())
    out = k.ok("create", "deployment", "made", "--image=localhost/busybox:1", "--dry-run=client",
               "-o", "yaml")
    check_in("kind: Deployment", out, "create --dry-run=client")
    k.ok("apply", "--dry-run=server", "-f", "-", stdin=manifest(deployment("dry")))
    check(k.get("deploy/dry") is None, "a dry run leaves nothing")
    check(k.ok("auth", "can-i", "create", "pods") == "yes\n", "auth can-i")
    check_in("deployments", k.ok("api-resources", "--namespaced"), "api-resources")
    check_in("apps/v1", k.ok("api-versions"), "api-versions")


def check_server_side_apply(k):
    def settings(colour, **more):
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"},
                "data": dict(more, colour=colour)}

    def apply(object, *flags, by="first"):
        return k.try_("apply", "--server-side", "--field-manager=" + by, "-f", "-", *flags,
                      stdin=manifest(object))
    check_in("serverside-applied", apply(settings("red", size="1")).out, "server-side apply")
    got = apply(settings("blue"), by="second")
    check(got.code != 0, "another's field is a conflict", got.text())
    check_in('conflict with "first"', got.text(), "the conflict names the manager")
    check_in(".data.colour", got.text(), "and the field")
    check(apply(settings("blue"), "--force-conflicts", by="second").code == 0, "by force")
    apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {}})
    check(k.get("cm/applied")["data"] == {"colour": "blue"}, "what nobody applies any more is gone",
          k.get("cm/applied"))
    k.apply(settings("green"))
    raw = k.ok("get", "--raw", "/api/v1/namespaces/%s/configmaps/applied" % k.namespace)
    owners = [e["manager"] for e in json.loads(raw)["metadata"]["managedFields"]]
    check("kubectl-client-side-apply" in owners, "a client-side apply is noted", owners)


def check_events(k):
    out = k.ok("get", "events")
    for reason in ("Scheduled", "Started", "ScalingReplicaSet"):
        check_in(reason, out, "events")
    if "1.20" not in version_of(k.program):
        check_in("SuccessfulCreate", k.ok("events"), "kubectl events")


def check_delete(k):
    k.ok("delete", "deploy/web", "service/web")
    wait_for("its pods are gone", lambda: not k.pods("app=web"), 30)
    check(k.get("replicasets")["items"] == [], "no ReplicaSet is left")
    check_in("not found", k.refused("delete", "deploy/web"), "delete of what is gone")
    k.ok("delete", "pods", "--all")
    k.ok("delete", "namespace", k.namespace, "--timeout=40s", seconds=45)


def check_schemas(k):
    """What a field is, and that there are no others: old ones find it in OpenAPI v2, new ones ask."""
    shown = k.explain_v2("deployments.spec.template.spec.containers", "--recursive")
    for line in ("livenessProbe\t<Object>", "scheme\t<string>", "env\t<[]Object>"):
        check_in(line, shown, "explained")
    for line in ("targetPort\t<string>", "port\t<integer> -required-"):
        check_in(line, k.explain_v2("services.spec.ports"), "explained")
    wrong = pod("wrong", nonsense=1)
    check_in("unknown field", k.refused("create", "-f", "-", stdin=manifest(wrong)), "refused")
    check(k.get("pod", "wrong") is None, "not made")


def all_verbs(cluster, program, number):
    k = Kube(cluster, "kubectl-%d" % number, program)
    out = k.apply(web(), service("web", 8080))
    check_in("deployment.apps/web created", out, "apply")
    check_in("successfully rolled out", k.ok("rollout", "status", "deploy/web", "--timeout=60s",
                                             seconds=65), "first rollout")
    check_in("deployment.apps/web unchanged", k.apply(web(), service("web", 8080)), "apply again")
    check_in("condition met", k.ok("wait", "deploy/web", "--for=condition=Available",
                                   "--timeout=20s"), "wait")
    failures = []
    for part in (check_get, check_schemas, check_describe, check_logs, check_exec, check_port_forward,
                 check_cp, check_rollout, check_scale, check_edit_verbs, check_server_side_apply,
                 check_events, check_delete):
        try:
            part(k)
        except (Failure, OSError) as failure:
            failures.append("%s: %s" % (part.__name__, failure))
    return failures


def case_all_verbs(cluster):
    programs = find_kubectls()
    check(programs, "no kubectl on this machine: apt-get install kubernetes-client")
    # Side by side: most of it is waiting.
    with concurrent.futures.ThreadPoolExecutor(len(programs)) as pool:
        running = [pool.submit(all_verbs, cluster, p, i) for i, p in enumerate(programs)]
    texts = []
    for program, done in zip(programs, running):
        version = version_of(program)
        try:
            failures = done.result()
        except Failure as failure:
            failures = [str(failure)]
        print("       kubectl %-20s %s" % (version, "FAILED" if failures else "did everything"))
        texts += ["with kubectl %s: %s" % (version, text) for text in failures]
    check(not texts, "some kubectl failed", *texts)
