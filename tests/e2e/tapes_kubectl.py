"""What kubectl is asked to do for its tape: (arguments…, standard input where it begins with a brace). NODE is the
cluster's node. What upgrades its connection is left out, names that kubectl or a controller draws, and what
looks at the clock: requests for certificates go an hour after they were approved."""
import json

IMAGE = "--image=localhost/busybox:1"
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {
    "terminationGracePeriodSeconds": 0, "containers": [{
        "name": "web", "image": "localhost/busybox:1", "command": ["sleep", "3600"]}]}}
WEB = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
    "replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}}
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {
    "selector": {"app": "web"}, "ports": [{"port": 80}]}}


def listed(*objects):
    """A List: old ones do not take several JSON objects in a row."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def web(**more):
    return listed(dict(WEB, **more), SERVICE)


def settings(name, colour="blue"):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"of": "x"}},
            "data": {"colour": colour}}


def of_sets(kind):
    made = dict(WEB, kind=kind, metadata={"name": kind.lower()}, spec={
        "selector": WEB["spec"]["selector"], "template": TEMPLATE})
    if kind == "StatefulSet":
        made["spec"]["serviceName"] = "web"
    return json.dumps(made)


def role(namespace, *verbs):
    return json.dumps({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {
        "name": "r", "namespace": namespace}, "rules": [
            {"apiGroups": [""], "resources": ["pods"], "verbs": verbs}]})


def everyday(namespace):
    return [
        ("version",), ("api-resources",), ("api-versions",), ("create", "namespace", namespace),
        ("apply", "-f", "-", web()), ("apply", "-f", "-", web()),
        ("apply", "-f", "-", web(metadata={"name": "web", "labels": {"tier": "front"}})),
        ("rollout", "status", "deploy/web", "--timeout=30s"),
        ("get", "deployments"), ("get", "pods", "-o", "wide"), ("get", "deploy", "web", "-o", "yaml"),
        ("get", "all"), ("get", "pods", "-l", "app=web", "--field-selector", "status.phase=Running"),
        ("get", "deploy", "nobody"), ("get", "pods", "--sort-by=.metadata.name"),
        ("describe", "deployment", "web"), ("describe", "service", "web"),
        ("label", "deploy/web", "a=b"), ("annotate", "deploy/web", "note=hello"),
        ("patch", "deploy/web", "-p", '{"metadata":{"labels":{"a":"c"}}}'),
        ("patch", "deploy/web", "--type=merge", "-p", '{"metadata":{"labels":{"a":"d"}}}'),
        ("patch", "deploy/web", "--type=json", "-p",
         '[{"op":"replace","path":"/metadata/annotations/note","value":"bye"}]'),
        ("scale", "deploy/web", "--replicas=2"),
        ("scale", "deploy/web", "--replicas=1", "--current-replicas=9"),
        ("set", "env", "deploy/web", "V=2"), ("rollout", "status", "deploy/web", "--timeout=30s"),
        ("rollout", "history", "deploy/web"), ("rollout", "pause", "deploy/web"),
        ("rollout", "resume", "deploy/web"), ("rollout", "restart", "deploy/web"),
        ("rollout", "status", "deploy/web", "--timeout=30s"),
        ("rollout", "undo", "deploy/web"), ("rollout", "undo", "deploy/web", "--to-revision=1"),
        ("diff", "-f", "-", web(metadata={"name": "web", "labels": {"tier": "back"}})),
        ("diff", "-f", "-", listed(settings("absent"))),
        ("diff", "--server-side", "-f", "-", listed(settings("absent"))),
        ("apply", "--dry-run=server", "-f", "-", web()),
        ("apply", "--server-side", "--force-conflicts", "-f", "-", web()),
    ]


def writes(namespace):
    two, one = listed(settings("one"), settings("two")), listed(settings("one"))
    return [
        ("apply", "-f", "-", two), ("apply", "-f", "-", "--prune", "-l", "of=x", one), ("apply", "-f", "-", two),
        ("apply", "-f", "-", "--prune", "-l", "of=x", "--prune-allowlist=core/v1/ConfigMap", one),
        ("apply", "-f", "-", "--prune", "--applyset=set", two), ("apply", "-f", "-", "--prune", "--applyset=set", one),
        ("create", "-f", "-", json.dumps(settings("a"))), ("replace", "-f", "-", json.dumps(settings("a", "red"))),
        ("replace", "--force", "-f", "-", json.dumps(settings("a"))), ("edit", "configmap", "a"),
        ("create", "configmap", "settings", "--from-literal=colour=blue"),
        ("create", "secret", "generic", "password", "--from-literal=word=sesame"),
        ("create", "deployment", "made", IMAGE), ("create", "job", "once", IMAGE, "--", "true"),
        ("create", "serviceaccount", "robot"), ("create", "token", "robot", "--duration=20m"),
        ("create", "service", "clusterip", "ci", "--tcp=80:8080"), ("create", "service", "nodeport", "np", "--tcp=80"),
        ("create", "service", "externalname", "en", "--external-name=example.com"),
        ("create", "role", "reads", "--verb=get", "--resource=pods"),
        ("create", "rolebinding", "reads", "--role=reads", "--serviceaccount=%s:robot" % namespace),
        ("create", "clusterrole", namespace, "--verb=get", "--resource=nodes"),
        ("create", "clusterrolebinding", namespace, "--clusterrole=" + namespace, "--group=nobody"),
        ("create", "ingress", "in", "--rule=a.example.com/x*=web:80"), ("create", "quota", "q", "--hard=pods=99"),
        ("create", "poddisruptionbudget", "p", "--selector=app=nobody", "--min-available=1"),
        ("create", "priorityclass", namespace, "--value=-5"),
        ("create", "cronjob", "cj", IMAGE, "--schedule=0 0 1 1 *", "--", "true"),
        ("create", "job", "now", "--from=cronjob/cj"),
        ("create", "configmap", "dry", "--from-literal=a=b", "--dry-run=server"),
        ("set", "resources", "deploy/web", "--limits=memory=64Mi"), ("set", "serviceaccount", "deploy/web", "robot"),
        ("set", "image", "deploy/web", "web=localhost/busybox:1"), ("set", "selector", "service/ci", "a=b"),
        ("set", "subject", "rolebinding/reads", "--user=ann"), ("set", "env", "deploy/web", "--list"),
        ("scale", "deploy/made", "--replicas=2", "--current-replicas=1"),
        ("autoscale", "deploy/web", "--min=1", "--max=2", "--cpu-percent=80"),
        ("expose", "deploy/web", "--port=80", "--name=exposed"),
        ("auth", "whoami"), ("auth", "can-i", "get", "pods"), ("auth", "can-i", "--list"),
        ("auth", "reconcile", "-f", "-", role(namespace, "get")),
        ("auth", "reconcile", "-f", "-", role(namespace, "list")),
    ]


def reads(namespace):
    looks = [
        ("get", "configmap", "settings", "-o", "json"), ("get", "configmaps", "--chunk-size=2"),
        ("get", "deploy", "web", "--subresource=status"), ("get", "deploy", "web", "--subresource=scale"),
        ("get", "--raw", "/version"), ("get", "configmaps", "-o", "custom-columns=N:.metadata.name"),
        ("run", "talker", IMAGE, "--restart=Never", "--", "echo", "hello"),
        ("get", "pod", "talker"), ("get", "events"), ("explain", "deployment.spec"),
        ("wait", "deploy/web", "--for=condition=Available", "--timeout=30s"),
        ("wait", "pod/talker", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=30s"),
        ("wait", "configmap/settings", "--for=create", "--timeout=30s"),
        ("wait", "configmap/nobody", "--for=delete", "--timeout=30s"),
        ("logs", "talker", "--tail=5", "--timestamps", "--since=1h", "--limit-bytes=99"),
        ("describe", "pod", "talker"), ("describe", "node", "NODE"), ("describe", "namespace", namespace),
        ("describe", "serviceaccount,quota,ingress,cronjob,job,pdb,hpa,role,rolebinding,secret,configmap",),
        ("events", "--for=pod/talker"), ("cluster-info",),
    ]
    for kind in ("DaemonSet", "StatefulSet"):
        name = "%s/%s" % (kind.lower(), kind.lower())
        looks += [("apply", "-f", "-", of_sets(kind)), ("rollout", "history", name), ("rollout", "undo", name),
                  ("rollout", "restart", name), ("describe", name), ("delete", name)]
    return looks


def nodes_and_end(namespace):
    return [
        ("taint", "node", "NODE", "a=b:PreferNoSchedule"), ("taint", "node", "NODE", "a=c:PreferNoSchedule", "--overwrite"),
        ("taint", "node", "NODE", "a-"), ("cordon", "NODE"),
        ("run", "moves", IMAGE, "--restart=Never", "--overrides",
         '{"spec":{"nodeName":"NODE","terminationGracePeriodSeconds":0}}', "--", "sleep", "3600"),
        ("drain", "NODE", "--force", "--pod-selector=run=moves", "--timeout=30s"), ("uncordon", "NODE"),
        ("debug", "node/NODE", IMAGE, "--", "true"),
        ("delete", "deploy/made"), ("delete", "service", "web"), ("delete", "deploy/web", "--grace-period=0"),
        ("cluster-info", "dump", "--namespaces=default"),
        ("delete", "clusterrole/" + namespace, "clusterrolebinding/" + namespace, "priorityclass/" + namespace),
        ("delete", "configmap,secret", "--all"), ("delete", "namespace", namespace, "--wait=false"),
    ]


def commands(namespace, node):
    for command in everyday(namespace) + writes(namespace) + reads(namespace) + nodes_and_end(namespace):
        stdin = command[-1] if command[-1].startswith('{"apiVersion"') else None
        words = list(command[:-1] if stdin else command)
        yield [word.replace("NODE", node) for word in words], stdin
