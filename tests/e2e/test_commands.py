"""kubectl command by command: what test_kubectl.py's round with every kubectl does not type. Each case runs
with the newest kubectl found; what those send that are newer still, or not there, is on the tapes.
tests/e2e/clients.md says which test shows what."""
import base64
import json
import os
import re
import tempfile
import time

from harness import check, check_in, run, wait_for
from tapes import Upstream
from kube import Kube, Running, deployment, manifest, newest_kubectl, pod, pod_spec, service

LANES = 4
IMAGE = "--image=localhost/busybox:1"


def kube(cluster, namespace):
    """In a namespace of its own; None where there is no kubectl that knows the commands below."""
    program, minor = newest_kubectl()
    if minor < 31:
        print("       kubectl of before 1.31 only: newer ones are replayed from tapes")
        return None
    return Kube(cluster, namespace, program)


def settings(name, colour="blue", **labels):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels},
            "data": {"colour": colour}}


def names(k, *what):
    return sorted(k.ok("get", *what, "-o", "name").split())


def claims(token):
    part = token.strip().split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def case_create(cluster):
    """Each in protobuf, as `create` sends it, with empty texts where nothing was said."""
    k = kube(cluster, "create")
    if not k:
        return
    with tempfile.TemporaryDirectory() as folder:
        pair = [os.path.join(folder, x) for x in ("crt", "key")]
        got = run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                   "-nodes", "-subj", "/CN=a", "-out", pair[0], "-keyout", pair[1]])
        check(got.code == 0, "openssl", got.text())
        k.ok("create", "secret", "tls", "t", "--cert=" + pair[0], "--key=" + pair[1])
    for words in (
            "service clusterip ci --tcp=80:8080", "service nodeport np --tcp=80", "service loadbalancer lb --tcp=80",
            "service externalname en --external-name=example.com",
            "service clusterip headless --clusterip=None", "configmap c --from-literal=a=b",
            "secret generic s --from-literal=a=b",
            "secret docker-registry r --docker-server=x --docker-username=u --docker-password=p",
            "serviceaccount robot", "role reads --verb=get,list --resource=pods,deployments.apps",
            "rolebinding reads --role=reads --serviceaccount=create:robot",
            "clusterrole create-all --verb=* --resource=* --resource-name=x",
            "clusterrole create-urls --verb=get --non-resource-url=/logs/*",
            "clusterrolebinding create-urls --clusterrole=create-urls --group=nobody",
            "ingress in --rule=a.example.com/x*=ci:80,tls=t --class=none",
            "quota q --hard=configmaps=9 --scopes=", "poddisruptionbudget p --selector=app=x --max-unavailable=50%",
            "priorityclass create-low --value=-5 --preemption-policy=Never",
            "deployment d " + IMAGE + " --replicas=0 --port=80", "job j " + IMAGE + " -- true"):
        check_in("created", k.ok("create", *words.split()), words)
    k.ok("create", "cronjob", "cj", IMAGE, "--schedule=*/5 * * * *", "--", "true")
    k.ok("create", "job", "now", "--from=cronjob/cj")
    check(k.get("job/now")["metadata"]["ownerReferences"][0]["kind"] == "CronJob", "of its CronJob")
    types = {s["metadata"]["name"]: s["spec"].get("type") for s in k.get("services")["items"]}
    check(types == {"ci": "ClusterIP", "np": "NodePort", "lb": "LoadBalancer", "en": "ExternalName",
                    "headless": "ClusterIP"}, "services", types)
    check("externalTrafficPolicy" not in k.get("svc/ci")["spec"], "nothing empty is kept")
    token = claims(k.ok("create", "token", "robot", "--duration=20m", "--audience=x", "--audience=y"))
    check(token["aud"] == ["x", "y"] and token["exp"] - token["iat"] == 1200 and
          token["sub"] == "system:serviceaccount:create:robot", "a token", token)
    bound = claims(k.ok("create", "token", "robot", "--bound-object-kind=Secret", "--bound-object-name=s"))
    check(bound["kubernetes.io"]["secret"]["name"] == "s", "a bound one", bound)
    out = k.ok("create", "configmap", "dry", "--from-literal=a=b", "--dry-run=server", "-o", "yaml")
    check_in("uid: ", out, "a dry run answers as if")
    check(k.get("cm/dry") is None, "and stores nothing")
    extra = json.dumps(dict(settings("strange"), dta={}))
    check_in('unknown field "dta"', k.refused("create", "-f", "-", stdin=extra), "--validate=strict")
    got = k.try_("create", "--validate=warn", "-f", "-", stdin=extra)
    check(got.code == 0 and 'unknown field "dta"' in got.err, "--validate=warn", got.text())
    check_in("exists", k.refused("create", "configmap", "strange"), "twice")
    k.ok("delete", "clusterrole/create-all", "clusterrole/create-urls", "clusterrolebinding/create-urls",
         "priorityclass/create-low")


def case_apply(cluster):
    """Pruning by kinds and by set, kustomize, and the two ways into each other."""
    k = kube(cluster, "apply")
    if not k:
        return
    both, one = manifest(settings("one", of="x"), settings("two", of="x")), manifest(settings("one", of="x"))
    k.ok("apply", "-f", "-", stdin=both)
    out = k.ok("apply", "-f", "-", "--prune", "-l", "of=x", stdin=one)
    check_in("configmap/two pruned", out, "--prune over the kinds that it knows")
    check_in("configmap/one unchanged", out, "who is there stays")
    k.ok("apply", "-f", "-", stdin=both)
    out = k.ok("apply", "-f", "-", "--prune", "-l", "of=x", "--prune-allowlist=core/v1/ConfigMap", stdin=one)
    check_in("configmap/two pruned", out, "--prune-allowlist")
    k.cluster.env["KUBECTL_APPLYSET"] = "true"
    k.ok("apply", "-f", "-", "--prune", "--applyset=set", stdin=both)
    parent = k.get("secret/set")["metadata"]
    check(parent["annotations"]["applyset.kubernetes.io/contains-group-kinds"] == "ConfigMap" and
          k.get("cm/two")["metadata"]["labels"]["applyset.kubernetes.io/part-of"] ==
          parent["labels"]["applyset.kubernetes.io/id"], "an ApplySet", parent)
    out = k.ok("apply", "-f", "-", "--prune", "--applyset=set", stdin=one)
    check_in("configmap/two pruned", out, "what left the set")
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "kustomization.yaml"), "w", encoding="ascii") as f:
            f.write("namePrefix: my-\nconfigMapGenerator: [{name: made, literals: [a=b]}]\n")
        check(re.search(r"configmap/my-made-\w+ created", k.ok("apply", "-k", folder)), "apply -k")
        check_in('configmap "my-made-', k.ok("delete", "-k", folder), "delete -k")
    # From client-side to server-side: its manager becomes another's name, its annotation follows.
    k.apply(settings("moves"))
    k.ok("apply", "--server-side", "-f", "-", stdin=manifest(settings("moves", "red")))
    moved = json.loads(k.ok("get", "cm/moves", "-o", "json", "--show-managed-fields"))["metadata"]
    owners = {e["manager"]: e["operation"] for e in moved["managedFields"]}
    check(owners == {"kubectl": "Apply", "kubectl-last-applied": "Apply"} and "red" in
          moved["annotations"]["kubectl.kubernetes.io/last-applied-configuration"], "moved over", moved)
    check_in("configmap/moves configured", k.apply(settings("moves", "green")), "and back")
    out = k.refused("apply", "-f", "-", stdin=manifest(settings("large", "x" * (260 << 10))))
    check_in("metadata.annotations: Too long: may not be more than 262144 bytes", out, "too large to note")
    k.ok("apply", "set-last-applied", "-f", "-", "--create-annotation", stdin=manifest(settings("moves", "green")))
    check_in("green", k.ok("apply", "view-last-applied", "cm/moves"), "view-last-applied")


def case_apply_lists(cluster):
    """Strategic patches as apply makes them: $setElementOrder, $patch: delete, $retainKeys, by merge keys."""
    k = kube(cluster, "lists")
    if not k:
        return

    def web(containers, volumes, strategy):
        made = deployment("web", {"containers": [dict(c, image="localhost/busybox:1") for c in containers],
                                  "volumes": volumes}, 0, strategy=strategy)
        return made
    k.apply(web([{"name": "a", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                  "ports": [{"containerPort": 80}, {"containerPort": 81}]}, {"name": "b", "command": ["x", "y"]}],
                [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}],
                {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}))
    k.ok("patch", "deploy", "web", "-p", json.dumps({"spec": {"template": {"spec": {"containers": [
        {"name": "side", "image": "localhost/busybox:1"}]}}}})) # somebody else's stays
    k.apply(web([{"name": "b", "command": ["z"]}, {"name": "a", "env": [{"name": "B", "value": "3"}],
                                                 "ports": [{"containerPort": 81}]}],
                [{"name": "v", "configMap": {"name": "c"}}], {"type": "Recreate"}))
    spec = k.get("deploy/web")["spec"]
    check(spec["strategy"] == {"type": "Recreate"}, "$retainKeys: what belongs to the other type goes", spec["strategy"])
    inner = spec["template"]["spec"]
    check([c["name"] for c in inner["containers"]] == ["side", "b", "a"], "in the order that is applied", inner)
    _, b, a = inner["containers"]
    check(b["command"] == ["z"] and a["env"] == [{"name": "B", "value": "3"}] and
          [p["containerPort"] for p in a["ports"]] == [81], "elements by their keys", inner)
    check(inner["volumes"] == [{"name": "v", "configMap": {"name": "c", "defaultMode": 420}}], "another source alone",
          inner["volumes"])


def case_diff(cluster):
    k = kube(cluster, "diff")
    if not k:
        return
    for flags in ((), ("--server-side",)):
        got = k.try_("diff", "-f", "-", *flags, stdin=manifest(settings("absent")))
        check(got.code == 1 and "+  colour: blue" in got.out, "of what is not there", got.text())
        check(k.get("cm/absent") is None, "it is not there")
    k.apply(settings("there"), deployment("d", replicas=0))
    for thing in (settings("there", "red"), deployment("d", replicas=0, minReadySeconds=7)):
        for flags in ((), ("--server-side", "--force-conflicts")):
            got = k.try_("diff", "-f", "-", *flags, stdin=manifest(thing))
            check(got.code == 1 and len(re.findall(r"^[-+] ", got.out, re.M)) >= 1, "of what differs",
                  got.text())
    got = k.try_("diff", "-f", "-", stdin=manifest(settings("there")))
    check(got.code == 0 and got.out == "", "of what does not", got.text())
    k.ok("apply", "-f", "-", stdin=manifest(settings("gone", of="x")))
    got = k.try_("diff", "-f", "-", "--prune", "-l", "of=x", stdin=manifest(settings("stays", of="x")))
    check(got.code == 1 and "-  name: gone" in got.out, "of what would be pruned", got.text())


def case_replace_and_edit(cluster):
    k = kube(cluster, "edit")
    if not k:
        return
    check_in("not found", k.refused("replace", "-f", "-", stdin=manifest(settings("a"))), "nothing to replace")
    k.ok("create", "-f", "-", "--save-config", stdin=manifest(settings("a")))
    before = k.get("cm/a")["metadata"]
    check_in("last-applied", json.dumps(before["annotations"]), "--save-config")
    k.ok("replace", "-f", "-", stdin=manifest(settings("a", "red")))
    now = k.get("cm/a")
    check(now["data"] == {"colour": "red"} and now["metadata"]["uid"] == before["uid"], "replaced", now)
    k.ok("replace", "--force", "-f", "-", stdin=manifest(settings("a", "green")))
    check(k.get("cm/a")["metadata"]["uid"] != before["uid"], "another by force")

    def edit(what, how, *flags):
        with tempfile.NamedTemporaryFile("w", suffix=".sh", delete=False) as f:
            f.write('#!/bin/sh\nsed -i "%s" "$1"\n' % how)
        os.chmod(f.name, 0o755)
        try:
            # What could not be stored is left there for its author.
            with tempfile.TemporaryDirectory(dir=cluster.root) as left:
                return run(k.argv("edit", what, *flags), env=dict(cluster.env, EDITOR=f.name, TMPDIR=left))
        finally:
            os.unlink(f.name)
    got = edit("cm/a", "s/green/white/")
    check(got.code == 0 and k.get("cm/a")["data"] == {"colour": "white"}, "edited", got.text())
    k.apply(deployment("d", replicas=0))
    got = edit("deploy/d", "s/replicas: 0/replicas: -1/")
    check(got.code != 0 and "is invalid" in got.err, "edited badly", got.text())
    got = edit("deploy/d", "s/^status: {}/status: {observedGeneration: 7}/; s/observedGeneration: .*/observedGeneration: 9/",
               "--subresource=status")
    check(got.code == 0, "edit --subresource", got.text())
    got = edit("cm/a", "s/nothing//")
    check(got.code == 0 and "no changes" in got.err, "an edit that changes nothing", got.text())


def case_get(cluster):
    """Forms of get: pages, sorted, columns, parts, a watch."""
    k = kube(cluster, "get")
    if not k:
        return
    k.apply(deployment("d", replicas=0), *[settings("c%d" % i, "x%d" % (9 - i)) for i in range(5)])
    pages = k.ok("get", "cm", "--chunk-size=2", "-o", "name", "-v=8")
    check(pages.count("configmap/c") == 5, "in pages", pages)
    got = k.try_("get", "cm", "--chunk-size=2", "-v=6")
    check(got.err.count("limit=2") >= 3 and "continue=" in got.err, "three pages", got.err)
    check(re.findall(r"c\d", k.ok("get", "cm", "--sort-by=.data.colour"))[:5] == ["c4", "c3", "c2", "c1", "c0"],
          "--sort-by")
    check(k.ok("get", "cm", "-o", "custom-columns=C:.data.colour", "--no-headers").split()[0] == "x9", "columns")
    check(k.ok("get", "cm/c0", "-o", "go-template={{.data.colour}}") == "x9", "template")
    listed = json.loads(k.ok("get", "cm", "-o", "json"))
    check(listed["kind"] == "List" and listed["metadata"] == {"resourceVersion": ""}, "a List", listed["metadata"])
    check_in("configmap/c1", k.ok("get", "cm", "c1", "--show-kind"), "one, as a Table")
    check(re.match(r"NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nd +0/0", k.ok(
        "get", "deploy", "d", "--subresource=status")), "--subresource=status")
    check(re.match(r"NAME +DESIRED +AVAILABLE +AGE\nd +0 +0 ", k.ok("get", "deploy", "d", "--subresource=scale")),
          "--subresource=scale")
    check_in("kind: Scale", k.ok("get", "deploy", "d", "--subresource=scale", "-o", "yaml"), "in YAML")
    check_in('"kind":"ConfigMapList"', k.ok("get", "--raw", "/api/v1/namespaces/get/configmaps?limit=1"), "--raw")
    check_in("[+]ping ok", k.ok("get", "--raw", "/readyz?verbose"), "readyz")
    check_in("c3", k.ok("get", "cm", "-A", "--field-selector=metadata.name=c3,metadata.namespace!=other"), "fields")
    got = k.try_("get", "all", "-v=6")
    for plural in ("pods", "replicationcontrollers", "services", "daemonsets", "deployments", "replicasets",
                   "statefulsets", "horizontalpodautoscalers", "cronjobs", "jobs"):
        check(re.search(r"%s\?limit=500.{0,40}200 OK|%s\?limit=500\"? +status=\"?200" % (plural, plural), got.err),
              "get all asks for " + plural, got.err)
    with k.start("get", "cm", "-w") as table, k.start("get", "cm", "--watch-only", "-o", "json") as objects, \
            k.start("get", "cm", "-w", "--output-watch-events") as events:
        for one in (table, events):
            one.wait_line("c4")
        until = time.monotonic() + 20
        n = 0
        while not any('"later-' in line for line in objects.lines) and time.monotonic() < until:
            n += 1
            k.ok("create", "cm", "later-%d" % n)
        table.wait_line("later-1 ")
        events.wait_line("ADDED      later-1 ")
        k.ok("delete", "cm/later-1")
        events.wait_line("DELETED    later-1 ")
        check(not any('"c0"' in line for line in objects.lines), "--watch-only")


def case_wait(cluster):
    """Each condition seen by a watch, not at the first look."""
    k = kube(cluster, "wait")
    if not k:
        return
    waits = [k.start("wait", what, "--for=" + condition, "--timeout=30s") for what, condition in (
        ("cm/a", "create"), ("pod/p", "create"))]
    time.sleep(0.5) # they are to look first
    until_told = "until [ -e /tmp/end ]; do sleep 0.1; done; echo done"
    k.apply(settings("a"), pod("p", until_told, restartPolicy="Never"))
    waits += [k.start("wait", what, "--for=" + condition, "--timeout=30s") for what, condition in (
        ("pod/p", "condition=Ready"), ("pod/p", "jsonpath={.status.podIP}"),
        ("cm/a", "jsonpath={.data.colour}=red"), ("pod/p", "jsonpath={.status.phase}=Succeeded"), ("cm/a", "delete"))]
    k.ok("patch", "cm", "a", "-p", '{"data":{"colour":"red"}}')
    for one in waits[:-1]:
        if one is waits[-2]: # it was ready for as long as somebody looked for it
            k.ok("exec", "p", "--", "touch", "/tmp/end")
        check(one.process.wait(40) == 0, "it came", one.process.args, one.lines)
    k.ok("delete", "cm/a")
    check(waits[-1].process.wait(40) == 0, "it went", waits[-1].lines)
    check_in("condition met", waits[0].lines[-1], "said so")
    check_in("timed out", k.refused("wait", "pod/p", "--for=condition=Odd", "--timeout=1s"), "a limit")
    check_in("condition met", k.ok("wait", "pod", "-l", "app=p", "--for=condition=Ready=false"), "a value, by label")
    held = settings("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    k.apply(held)
    with k.start("delete", "cm/held") as deleting:
        k.until("it goes", "cm/held", lambda o: "deletionTimestamp" in o["metadata"], 20)
        check(deleting.process.poll() is None, "delete waits")
        k.ok("patch", "cm", "held", "-p", '{"metadata":{"finalizers":null}}')
        check(deleting.process.wait(20) == 0, "until it is gone", deleting.lines)


def revision(kind, owner, number, value):
    """What a controller keeps of a DaemonSet or StatefulSet that had this value."""
    spec = owner["spec"]["template"]
    spec["spec"]["containers"][0]["env"] = [{"name": "V", "value": value}]
    return {"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
            "metadata": {"name": "%s-%d" % (owner["metadata"]["name"], number),
                         "labels": owner["spec"]["selector"]["matchLabels"], "ownerReferences": [{
                             "apiVersion": "apps/v1", "kind": kind, "name": owner["metadata"]["name"],
                             "uid": owner["metadata"]["uid"], "controller": True}]},
            "data": {"spec": {"template": dict(spec, **{"$patch": "replace"})}}}


def case_rollout_of_sets(cluster):
    """history and undo by ControllerRevisions, which are written by hand here."""
    k = kube(cluster, "sets")
    if not k:
        return
    for kind, name in (("DaemonSet", "ds"), ("StatefulSet", "sts")):
        made = dict(deployment(name), kind=kind)
        made["spec"].pop("replicas")
        if kind == "StatefulSet":
            made["spec"]["serviceName"] = "s"
        k.apply(made)
        owner = k.get("%s/%s" % (kind, name))
        check_in("No rollout history", k.ok("rollout", "history", "%s/%s" % (kind, name)), "no history yet")
        for number, value in ((1, "one"), (2, "two")):
            k.ok("create", "-f", "-", stdin=json.dumps(revision(kind, owner, number, value)))
        out = k.ok("rollout", "history", "%s/%s" % (kind, name))
        check(re.search(r"\n1 +<none>\n2 +<none>\n", out), "the history of a " + kind, out)
        check_in("one", k.ok("rollout", "history", "%s/%s" % (kind, name), "--revision=1"), "one of it")
        k.ok("rollout", "undo", "%s/%s" % (kind, name), "--to-revision=1")
        template = k.get("%s/%s" % (kind, name))["spec"]["template"]
        check(template["spec"]["containers"][0]["env"] == [{"name": "V", "value": "one"}], "undone", template)
        k.ok("rollout", "restart", "%s/%s" % (kind, name))
        check_in("restartedAt", json.dumps(k.get("%s/%s" % (kind, name))["spec"]["template"]), "restart")
        check_in("not supported", k.refused("rollout", "pause", "%s/%s" % (kind, name)), "pause is for Deployments")


def case_set_scale_expose(cluster):
    k = kube(cluster, "sets-of")
    if not k:
        return
    k.apply(deployment("d", replicas=0), settings("c"))
    k.ok("create", "serviceaccount", "robot")
    k.ok("create", "rolebinding", "b", "--clusterrole=view", "--user=ann")
    for words in ("env deploy/d A=b --from=configmap/c", "resources deploy/d --requests=cpu=10m --limits=memory=64Mi",
                  "image deploy/d *=localhost/busybox:2", "serviceaccount deploy/d robot",
                  "subject rolebinding/b --user=bob --group=g"):
        check_in("updated", k.ok("set", *words.split()), "set " + words)
    spec = k.get("deploy/d")["spec"]["template"]["spec"]
    main = spec["containers"][0]
    check(main["image"] == "localhost/busybox:2" and spec["serviceAccountName"] == "robot" and
          main["resources"] == {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi"}} and
          {e["name"] for e in main["env"]} == {"A", "COLOUR"}, "set", spec)
    check_in("COLOUR from configmap c", k.ok("set", "env", "deploy/d", "--list"), "set env --list")
    k.ok("set", "env", "deploy/d", "A-")
    check(len(k.get("deploy/d")["spec"]["template"]["spec"]["containers"][0]["env"]) == 1, "taken away")
    check(len(k.get("rolebinding/b")["subjects"]) == 3, "subjects")
    k.ok("set", "image", "deploy/d", "main=localhost/busybox:1")
    k.ok("scale", "deploy/d", "--replicas=1", "--current-replicas=0")
    version = k.get("deploy/d")["metadata"]["resourceVersion"]
    check_in("Expected replicas to be 7, was 1", k.refused(
        "scale", "deploy/d", "--replicas=0", "--current-replicas=7"), "a wrong number")
    check_in("Expected resource version to be 1,", k.refused(
        "scale", "deploy/d", "--replicas=0", "--resource-version=1"), "a wrong version")
    k.rolled_out("deploy/d")
    version = k.get("deploy/d")["metadata"]["resourceVersion"]
    k.ok("scale", "deploy/d", "--replicas=0", "--resource-version=" + version)
    k.ok("autoscale", "deploy/d", "--min=1", "--max=3", "--cpu-percent=80")
    check(re.search(r"d +Deployment/d +cpu: <unknown>/80% +1 +3 ", k.ok("get", "hpa")), "autoscale", k.ok("get", "hpa"))
    k.apply(pod("p", ports=[{"containerPort": 7000}]))
    k.ok("expose", "deploy/d", "--port=80", "--target-port=8080")
    k.ok("expose", "pod", "p", "--port=70", "--name=one", "--type=NodePort")
    k.ok("expose", "service", "one", "--port=71", "--name=two")
    specs = {s["metadata"]["name"]: s["spec"] for s in k.get("services")["items"]}
    check(specs["d"]["selector"] == {"app": "d"} and specs["d"]["ports"][0]["targetPort"] == 8080 and
          specs["one"]["type"] == "NodePort" and specs["two"]["selector"] == {"app": "p"}, "exposed", specs)
    k.ok("set", "selector", "service/two", "app=q")
    check(k.get("service/two")["spec"]["selector"] == {"app": "q"}, "set selector")


def case_run(cluster):
    k = kube(cluster, "run")
    if not k:
        return
    got = k.try_("run", "talk", "-i", "--rm", "--quiet", "--restart=Never", IMAGE, "--", "sh",
                 stdin="echo in $((1+1)); exit 3\n")
    check(got.code == 3 and "in 2" in got.out, "run -i --rm: what it says, its exit code", got.text())
    check(k.get("pod/talk") is None, "and it is gone")
    k.ok("run", "plain", IMAGE, "--labels=a=b", "--env=X=y", "--port=80", "--command", "--", "sleep", "3600")
    made = k.get("pod/plain")
    check(made["metadata"]["labels"] == {"a": "b"} and made["spec"]["containers"][0]["env"] == [
        {"name": "X", "value": "y"}], "run", made["spec"])
    k.ok("run", "exposed", IMAGE, "--port=80", "--expose", "--restart=Never", "--", "true")
    check(k.get("service/exposed")["spec"]["ports"][0]["port"] == 80, "run --expose")
    out = k.ok("run", "dry", IMAGE, "--dry-run=server", "-o", "yaml")
    check("uid: " in out and k.get("pod/dry") is None, "run --dry-run=server", out)


def case_debug(cluster):
    """A pod on a node's name spaces, and a copy of a pod with one more container."""
    k = kube(cluster, "debug")
    if not k:
        return
    out = k.ok("debug", "node/" + cluster.node_name(), IMAGE, "--profile=general", "--", "ls", "/host")
    name = re.search(r"node-debugger-\S+", out).group(0)
    spec = k.get("pod/" + name)["spec"]
    check(spec["hostPID"] and spec["hostNetwork"] and spec["nodeName"] == cluster.node_name(), "on the node", spec)
    k.ok("wait", "pod/" + name, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=30s")
    check_in("etc", k.ok("logs", name), "its files")
    k.apply(pod("app", resources={"limits": {"memory": "32Mi"}}))
    k.ok("debug", "app", IMAGE, "--copy-to=copy", "--container=look", "--share-processes", "--", "sleep", "3600")
    k.ok("wait", "pod/copy", "--for=condition=Ready", "--timeout=30s")
    copy = k.get("pod/copy")
    check([c["name"] for c in copy["spec"]["containers"]] == ["main", "look"] and
          copy["spec"]["shareProcessNamespace"], "a copy", copy["spec"])
    got = k.try_("logs", "copy", "-c", "look", "--tail=1")
    check(got.code == 0, "logs of its container", got.text())


def case_logs(cluster):
    k = kube(cluster, "logs")
    if not k:
        return
    two = deployment("two", pod_spec("echo one; echo two; echo three; sleep 3600"), 2)
    two["spec"]["template"]["spec"]["containers"].append(dict(
        pod_spec("echo other; sleep 3600")["containers"][0], name="other"))
    k.apply(two)
    k.rolled_out("deploy/two")
    name = k.pod_name("app=two")
    for one in k.pods("app=two"):
        k.logs("one\ntwo\nthree\n", one["metadata"]["name"], "-c", "main")
        k.logs("other\n", one["metadata"]["name"], "-c", "other")
    check(k.ok("logs", name, "-c", "main", "--tail=2") == "two\nthree\n", "--tail")
    check(k.ok("logs", name, "-c", "main", "--limit-bytes=5") == "one\nt", "--limit-bytes")
    check(k.ok("logs", name, "-c", "main", "--since=1h") == "one\ntwo\nthree\n", "--since")
    check(k.ok("logs", name, "-c", "main", "--since-time=2100-01-01T00:00:00Z") == "", "--since-time")
    check(re.match(r"(20\S+Z \w+\n){3}$", k.ok("logs", name, "-c", "main", "--timestamps")), "--timestamps")
    check(sorted(k.ok("logs", name, "--all-containers").split()) == ["one", "other", "three", "two"],
          "--all-containers")
    out = k.ok("logs", "-l", "app=two", "--all-containers", "--prefix")
    check(out.count("/main] one") == 2 and out.count("/other] other") == 2, "by label, with names", out)
    check_in("is not valid for pod", k.refused("logs", name, "-c", "nobody"), "of no container")
    check_in("previous terminated container", k.refused("logs", name, "-c", "main", "--previous"), "of no life before")
    with k.start("logs", "-f", "-l", "app=two", "-c", "main", "--max-log-requests=2") as follow:
        wait_for("both are followed", lambda: follow.lines.count("three") == 2, 20)
    starts = pod("starts")
    starts["spec"]["initContainers"] = pod_spec("sleep 3600", name="first")["containers"]
    none = pod("none")
    none["spec"]["containers"][0]["image"] = "localhost/none:1"
    k.apply(starts, none, pod("waits", "true", restartPolicy="Never", volumes=[
        {"name": "v", "configMap": {"name": "late"}}]))
    for waits, why in (("waits", "ContainerCreating"), ("starts", "PodInitializing"),
                       ("none", "(image can't be pulled|trying and failing to pull image)")):
        wait_for("logs of %s say why there are none: %s" % (waits, why), lambda w=waits, y=why: re.search(
            "is waiting to start: " + y, k.refused("logs", w)), 20)


def case_describe(cluster):
    """The related objects that it asks for, by selectors with != and several fields."""
    k = kube(cluster, "describe")
    if not k:
        return
    node = cluster.node_name()
    k.apply(pod("busy", resources={"requests": {"cpu": "30m"}}), pod("ended", "true", restartPolicy="Never"),
            service("web", 80, selector={"app": "busy"}))
    k.ok("wait", "pod/busy", "--for=condition=Ready", "--timeout=30s")
    k.ok("wait", "pod/ended", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=30s")
    k.ok("create", "quota", "q", "--hard=pods=9")
    k.apply({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [
        {"type": "Container", "default": {"cpu": "1"}}]}})
    out = k.ok("describe", "node", node)
    check(re.search(r"HolderIdentity: +%s" % node, out), "its lease", out)
    check(re.search(r"RenewTime: +\w{3}, ", out), "when it was renewed", out)
    check(re.search(r"describe +busy +30m", out) and " ended " not in out, "its pods, but ended ones", out)
    check_in("Allocated resources", out, "what they take")
    wait_for("its events", lambda: "Started" in k.ok("events", "--for=pod/busy"), 20)
    out = k.ok("describe", "pod", "busy")
    told = re.findall(r"Normal +(\w+) ", out.split("Events:")[1])
    check(told == ["Scheduled", "Pulled", "Created", "Started"], "events in their order", out)
    wait_for("the quota counts", lambda: re.search(r"Resource Quotas(.*\n)+ *pods +1 +9", k.ok(
        "describe", "namespace", "describe")), 20)
    out = k.ok("describe", "namespace", "describe")
    check(re.search(r"Container +cpu +- +- +1 +1 ", out), "a namespace's limits", out)
    check(re.search(r"Endpoints: +10\.\d+\.\d+\.\d+:80", k.ok("describe", "svc", "web")), "endpoints")
    k.ok("create", "deployment", "d", IMAGE, "--replicas=1", "--", "sleep", "3600")
    k.rolled_out("deploy/d")
    out = k.ok("describe", "deploy,rs,serviceaccount,quota,limits")
    for part in ("NewReplicaSet: ", "Pods Status: ", "Image pull secrets:", "Hard"):
        check_in(part, out, "describe of several kinds")
    got = k.try_("describe", "pods", "-l", "app=busy", "--show-events=false", "-v=6")
    check("events?" not in got.err and "Events:" not in got.out, "without events", got.err)
    got = k.try_("describe", "pod", "busy", "-v=6")
    for part in ("involvedObject.name%3Dbusy", "involvedObject.namespace%3Ddescribe", "involvedObject.uid%3D"):
        check_in(part, got.err, "which events it asks for")


def case_events(cluster):
    k = kube(cluster, "events")
    if not k:
        return
    k.apply(pod("a"), pod("b"), pod("bad", nodeSelector={"no": "node"}))
    k.ok("wait", "pod/a", "pod/b", "--for=condition=Ready", "--timeout=30s")
    k.until("it is said why", "pod/bad", lambda p: p["status"].get("conditions"), 20)
    wait_for("events of all", lambda: len(re.findall("Started +Pod", k.ok("events"))) == 2, 20)
    out = k.ok("events", "--for=pod/a")
    check("Pod/a " in out and "Pod/b " not in out, "--for", out)
    out = wait_for("--types", lambda: k.ok("events", "--types=Warning") if "FailedScheduling" in k.ok(
        "events", "--types=Warning") else None, 20)
    check("Started" not in out, "--types", out)
    with k.start("events", "--watch", "--for=pod/c") as watch, k.start("get", "events", "-w") as get:
        get.wait_line("pod/b")
        k.apply(pod("c"))
        watch.wait_line("Started")
        get.wait_line("pod/c")
        check(not any("Pod/a " in line for line in watch.lines), "--watch --for", watch.lines)


def case_cluster(cluster):
    """version, cluster-info and its dump, api-resources, api-versions, explain, top, proxy."""
    k = kube(cluster, "info")
    if not k:
        return
    server = json.loads(k.ok("version", "-o", "json"))["serverVersion"]
    check(server["major"] == "1" and server["minor"] == "36" and server["gitVersion"].startswith("v1.36."), "version",
          server)
    wait_for("services of the cluster", lambda: "kube-dns is running at" in k.ok(
        "cluster-info", "-n", "kube-system"), 20)
    k.apply(pod("talks", "echo said; sleep 3600"))
    k.logs("said\n", "talks")
    with tempfile.TemporaryDirectory() as folder:
        k.ok("cluster-info", "dump", "--namespaces=info", "--output-directory=" + folder)
        with open(os.path.join(folder, "info/talks/logs.txt"), encoding="ascii") as f:
            check_in("said", f.read(), "logs in the dump")
        with open(os.path.join(folder, "nodes.json"), encoding="ascii") as f:
            check(json.load(f)["items"][0]["metadata"]["name"] == cluster.node_name(), "nodes in the dump")
        made = sorted(os.listdir(os.path.join(folder, "info")))
        check(made == ["daemonsets.json", "deployments.json", "events.json", "pods.json", "replicasets.json",
                       "replication-controllers.json", "services.json", "talks"], "the dump", made)
    out = k.ok("api-resources", "--api-group=apps", "-o", "wide")
    check(re.search(r"deployments +deploy +apps/v1 +true +Deployment +create,delete,deletecollection,get,list,patch,"
                    "update,watch +all", out), "names, verbs, categories", out)
    check("pods" not in k.ok("api-resources", "--namespaced=false", "-o", "name").split(), "--namespaced")
    check(k.ok("api-versions").split()[:2] == ["admissionregistration.k8s.io/v1", "apiextensions.k8s.io/v1"],
          "api-versions")
    check_in("cpu", k.ok("explain", "hpa.spec.metrics.resource", "--api-version=autoscaling/v2").lower(), "explain")
    check(re.search(r"template\s+<PodTemplateSpec> -required-", k.ok("explain", "deploy", "--recursive")),
          "explain --recursive")
    check_in("Metrics API not available", k.refused("top", "nodes"), "top says what is missing")
    with k.start("proxy", "--port=0") as proxy:
        proxy.wait_line("Starting to serve on")
        url = "http://" + proxy.lines[0].split()[-1]
        got = run(["curl", "-s", "--max-time", "10", url + "/api/v1/namespaces/info/pods/talks/log"])
        check(got.out == "said\n", "through kubectl proxy", got.text())
        got = run(["curl", "-s", "--max-time", "10", "-X", "POST", "-H", "Content-Type: application/json", "-d",
                   json.dumps(settings("proxied")), url + "/api/v1/namespaces/info/configmaps"])
        check_in('"name":"proxied"', got.out, "a write through it")


def case_taint(cluster):
    k = kube(cluster, "taint")
    if not k:
        return
    node = cluster.node_name()
    try:
        k.ok("taint", "node", node, "a=b:PreferNoSchedule", "c:PreferNoSchedule")
        check_in("--overwrite is false", k.refused("taint", "node", node, "a=x:PreferNoSchedule"), "another value")
        k.ok("taint", "node", node, "a=x:PreferNoSchedule", "--overwrite")
        taints = {t["key"]: t.get("value") for t in k.get("node/" + node)["spec"]["taints"]}
        check(taints == {"a": "x", "c": None}, "one by key", taints)
        check_in("a=x:PreferNoSchedule", k.ok("describe", "node", node), "described")
    finally:
        k.ok("taint", "node", node, "a-", "c:PreferNoSchedule-")
    check(not k.get("node/" + node)["spec"].get("taints"), "untainted")


def case_reconcile(cluster):
    """auth reconcile: made, added to, taken from, bound anew; and the forms of can-i."""
    k = kube(cluster, "reconcile")
    if not k:
        return

    def named(name):
        return {"name": name, "namespace": "reconcile"} # it does not add it

    def role(*verbs, **more):
        return dict({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": named("r"),
                     "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": list(verbs)}]}, **more)

    def binding(kind, name, *users):
        return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": named("b"),
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": u} for u in users]}

    def reconcile(*objects, flags=()):
        return k.ok("auth", "reconcile", "-f", "-", *flags, stdin=manifest(*objects))

    def may(verb, user="ann", *more):
        return k.try_("auth", "can-i", verb, "pods", "--as=" + user, *more).out.strip() == "yes"
    reconcile(role("get"), binding("Role", "r", "ann"))
    check(may("get") and not may("list"), "made")
    reconcile(role("list"), binding("Role", "r", "bob"))
    check(may("get") and may("list") and may("list", "bob"), "added to")
    reconcile(role("list"), flags=("--remove-extra-permissions",))
    check(may("list") and not may("get"), "taken from")
    reconcile(binding("Role", "r", "bob"), flags=("--remove-extra-subjects",))
    check(may("list", "bob") and not may("list"), "a subject less")
    reconcile(binding("ClusterRole", "view", "ann"))
    check(may("watch") and k.get("rolebinding/b")["roleRef"]["name"] == "view", "bound anew")
    check_in("dry run", reconcile(role("delete"), flags=("--dry-run=client",)), "a dry run")
    check(may("get", "ann", "--subresource=log"), "a part")
    check(k.ok("auth", "can-i", "get", "/healthz").strip() == "yes", "a path")
    check_in("pods/log", k.ok("auth", "can-i", "--list", "--as=ann"), "--list")
    who = json.loads(k.ok("auth", "whoami", "-o", "json", "--as=ann", "--as-group=g", "--as-uid=7",
                          "--as-group=system:authenticated"))["status"]["userInfo"]
    check(who["username"] == "ann" and who["uid"] == "7" and who["groups"] == ["g", "system:authenticated"], "whoami",
          who)


def case_spdy(cluster):
    """What a kubectl does whose WebSocket is refused, and all those of before 1.30 do."""
    k = kube(cluster, "spdy")
    if not k:
        return
    env = dict(cluster.env, KUBECTL_REMOTE_COMMAND_WEBSOCKETS="false", KUBECTL_PORT_FORWARD_WEBSOCKETS="false")
    k.apply(pod("box", "exec nc -ll -p 7000 -e cat"), pod("shell", "exec sh", stdin=True, stdinOnce=True),
            service("echo", 7001, 7000, selector={"app": "box"}))
    k.ok("wait", "pod", "--all", "--for=condition=Ready", "--timeout=30s")
    got = run(k.argv("exec", "-i", "box", "--", "sh", "-c", "cat; echo err >&2; exit 3"), "in", env=env)
    check((got.code, got.out) == (3, "in") and got.err.startswith("err\n"), "exec", got.text())
    got = run(k.argv("attach", "-i", "-q", "shell"), "echo to be; exit\n", env=env)
    check_in("to be\n", got.out, "attach")
    with Running(k.argv("port-forward", "svc/echo", ":7001"), env) as forward:
        line = wait_for("a port", lambda: [x for x in forward.lines if "127.0.0.1:" in x], 15)
        check_in("-> 7000", line[0], "a Service's port is its pod's")
        port = line[0].split("127.0.0.1:")[1].split()[0]
        got = run(["nc", "-q", "1", "127.0.0.1", port], "ping") if os.path.exists("/bin/nc") else run(
            ["python3", "-c", "import socket; s = socket.create_connection(('127.0.0.1', %s)); "
             "s.sendall(b'ping'); print(s.recv(9).decode(), end='')" % port])
        check(got.out == "ping", "port-forward", got.text(), forward.lines)


def case_in_cluster(cluster):
    """A client in a pod finds the server, its certificate and its own token by what the pod has."""
    k = kube(cluster, "inside")
    if not k:
        return
    k.ok("create", "rolebinding", "sees", "--clusterrole=view", "--serviceaccount=inside:default")
    box = pod("client", volumeMounts=[
        {"name": "tools", "mountPath": "/tools", "readOnly": True}], volumes=[
            {"name": "tools", "hostPath": {"path": os.path.dirname(os.path.realpath(k.program))}}])
    k.apply(box, settings("seen"))
    k.ok("wait", "pod/client", "--for=condition=Ready", "--timeout=30s")

    def inside(*words):
        return k.try_("exec", "client", "--", "env", "HOME=/tmp", "/tools/" + os.path.basename(k.program), *words)
    got = wait_for("an answer", lambda: [x for x in [inside("get", "configmaps", "-o", "name")] if x.code == 0], 20)[0]
    check_in("configmap/seen", got.out, "in its namespace, with its rights")
    check_in('User "system:serviceaccount:inside:default" cannot list resource "secrets"', inside(
        "get", "secrets").err, "and no more")
    who = inside("auth", "whoami", "-o", "json")
    check_in('"authentication.kubernetes.io/pod-name"', who.out, "bound to its pod")
    check_in("https://10.96.0.1:443", inside("cluster-info", "-v=6").text(), "by the Service's address")


def case_paths(cluster):
    """What clients and probes ask beside kinds: health, figures, discovery by ETag, keys for tokens."""
    upstream = Upstream(cluster)

    def ask(target, **headers):
        connection, answer = upstream.ask("GET", target, {k.replace("_", "-"): v for k, v in headers.items()}, None)
        body = answer.read()
        connection.close()
        return answer, body
    for path in ("/livez", "/readyz", "/healthz"):
        answer, body = ask(path + "?verbose")
        check(answer.status == 200 and b"[+]ping ok" in body and body.endswith(b"check passed\n"), path, body)
        check(ask(path + "/ping")[1] == b"ok", path + "/ping")
    check(b"\napiserver_request_total{" in ask("/metrics")[1], "figures")
    aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    for target, accept in (("/apis", aggregated), ("/api", aggregated), ("/openapi/v3", "*/*"), ("/openapi/v2", "*/*")):
        first, body = ask(target, Accept=accept)
        again, nothing = ask(target, Accept=accept, If_None_Match=first.getheader("ETag"))
        check(first.status == 200 and body and again.status == 304 and not nothing, target + " by its ETag",
              first.status, again.status)
    url = json.loads(ask("/openapi/v3")[1])["paths"]["apis/apps/v1"]["serverRelativeURL"]
    answer, body = ask(url)
    check("immutable" in answer.getheader("Cache-Control"), "a document by its hash is for ever", answer.headers)
    check("io.k8s.api.apps.v1.Deployment" in json.loads(body)["components"]["schemas"], "a document")
    issuer = json.loads(ask("/.well-known/openid-configuration")[1])
    keys = json.loads(ask("/openid/v1/jwks")[1])["keys"]
    check(issuer["jwks_uri"].endswith("/openid/v1/jwks") and keys[0]["kty"] == "RSA", "keys for tokens", issuer, keys)
    answer, _ = ask("/api/v1/namespaces/default", Accept_Encoding="gzip")
    check(answer.getheader("Audit-Id"), "every answer has its number", answer.headers)
    answer, body = ask("/apis/apps/v1", Accept="application/cbor")
    check(answer.status == 406, "CBOR is not spoken", answer.status)
    connection, answer = upstream.ask("POST", "/api/v1/namespaces", {"Content-Type": "application/cbor"}, b"\xa0")
    check(answer.status == 415, "nor understood", answer.status)
    connection.close()
    answer, body = ask("/api/v1/namespaces/default/endpoints")
    check_in("v1 Endpoints is deprecated", answer.getheader("Warning"), "a warning")
