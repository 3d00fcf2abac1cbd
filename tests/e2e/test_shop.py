"""manifests/examples/shop.yaml: comes up in order, sells, and goes in reverse order."""
import json
import os
import urllib.error
import urllib.request

from harness import SOURCE, check, check_in, run, skiff, wait_for
from kube import Kube, example
from test_order import became_ready, created, ends, moment

IMAGES = os.path.join(SOURCE, "build", "example-images")


def import_images(cluster):
    got = run([os.path.join(SOURCE, "scripts", "example-images.sh"), IMAGES, "shop"], seconds=400)
    check(got.code == 0, "example images", got.text())
    for name in ("redis", "shop"):
        got = run([skiff(), "image", "import", os.path.join(IMAGES, name + ".tar")], seconds=120,
                  env=cluster.env)
        check(got.code == 0, "import of " + name, got.text())


def page(cluster, path, data=None):
    url = "http://%s:30081%s" % (cluster.node_ip(), path)
    try:
        with urllib.request.urlopen(url, data, timeout=10) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return "%d %s" % (error.code, error.read().decode())
    except OSError as error:
        return "no answer: %s" % error


def case_up_in_order(cluster):
    import_images(cluster)
    k = Kube(cluster, "default")
    k.ok("apply", "-f", example("shop.yaml"))
    for name in ("api", "worker", "web"):
        k.rolled_out("deploy/" + name, 90)
    redis, api, web = (k.pods("app=" + name) for name in ("redis", "api", "web"))
    migrate, job = k.pods("app=migrate"), k.get("job/migrate")
    check(len(api) == 3 and len(migrate) == 1, "three of the API, one migration")
    check(created(migrate[0]) >= became_ready(redis[0]), "migration after the store")
    done = moment(job["status"]["completionTime"])
    check(min(created(p) for p in api + k.pods("app=worker")) >= done, "API, worker after it")
    check(created(web[0]) >= max(became_ready(p) for p in api), "the front after the whole API")
    restarts = [c["restartCount"] for p in k.pods() for c in p["status"]["containerStatuses"]]
    check(not any(restarts), "nothing crashed on the way", restarts)
    check_in("migrated to schema 1: cake, coffee, tea", k.ok("logs", "job/migrate"), "its log")


def case_sells(cluster):
    wait_for("the front answers", lambda: "coffee" in page(cluster, "/"), 20)
    bought = page(cluster, "/buy", b"product=cake")
    check_in("Order 1:", bought, "an order through web, api, redis")
    wait_for("the worker sends it", lambda: "sent: cake" in page(cluster, "/orders/1"), 20)
    check_in("404", page(cluster, "/buy", b"product=moon"), "what the shop does not have")


def case_replaced_while_selling(cluster):
    """A rolling restart of the API: every order is answered."""
    k = Kube(cluster, "default")
    k.ok("rollout", "restart", "deploy/api")
    seen = []

    def through():
        seen.append(page(cluster, "/"))
        return k.try_("rollout", "status", "deploy/api", "--watch=false").out.count(
            "successfully rolled out")
    wait_for("the rollout is through", through, 90, 0.1)
    bad = [text for text in seen if "coffee" not in text]
    check(len(bad) == 0, "%d of %d pages failed" % (len(bad), len(seen)), *bad[:3])


def case_deleted_in_reverse(cluster):
    k = Kube(cluster, "default")
    gone = ends(k, ["web", "api", "redis"], lambda: k.ok(
        "delete", "--wait=false", "-f", example("shop.yaml")), 60)
    check(gone["web"] <= gone["api"] <= gone["redis"], "the order of the end", json.dumps(gone))


def case_cycle_refused(cluster):
    k = Kube(cluster, "cycle")
    err = k.refused("apply", "-f", example("cycle.yaml"))
    for name in ("orders", "stock", "billing", "→"):
        check_in(name, err, "the cycle is named")
