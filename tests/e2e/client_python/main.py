"""What programs with the Python client send. tapes.py runs it once, through its proxy, to make the tape
that test_tapes.py replays: `tapes.py client-python PYTHON`, an interpreter that has kubernetes.

Arguments: the server, a namespace."""
import datetime
import sys

from kubernetes import client, dynamic, utils, watch
from kubernetes.client.rest import ApiException

SERVER, NAMESPACE = sys.argv[1:]
CONFIG = client.Configuration()
CONFIG.host = SERVER
API = client.ApiClient(CONFIG)
CORE, APPS, BATCH = client.CoreV1Api(API), client.AppsV1Api(API), client.BatchV1Api(API)
LABELS = {"app": "made"}
CONTAINER = {"name": "c", "image": "localhost/busybox:1", "command": ["sleep", "3600"]}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "made"}, "spec": {
    "replicas": 1, "selector": {"matchLabels": LABELS},
    "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [CONTAINER]}}}}


def typed():
    CORE.create_namespace({"metadata": {"name": NAMESPACE}})
    client.VersionApi(API).get_code()
    made = CORE.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "m"}, "data": {"a": "b"}})
    CORE.patch_namespaced_config_map("m", NAMESPACE, {"data": {"a": "c"}})
    CORE.patch_namespaced_config_map("m", NAMESPACE, [
        {"op": "replace", "path": "/data/a", "value": "d"}])
    made = CORE.read_namespaced_config_map("m", NAMESPACE)
    made.data["a"] = "e"
    CORE.replace_namespaced_config_map("m", NAMESPACE, made)
    APPS.create_namespaced_deployment(NAMESPACE, DEPLOYMENT)
    APPS.patch_namespaced_deployment_scale("made", NAMESPACE, {"spec": {"replicas": 2}})
    APPS.list_namespaced_deployment(NAMESPACE, label_selector="app=made", limit=5)
    BATCH.create_namespaced_job(NAMESPACE, client.V1Job(
        metadata=client.V1ObjectMeta(name="once"), spec=client.V1JobSpec(
            template=client.V1PodTemplateSpec(spec=client.V1PodSpec(
                restart_policy="Never", containers=[client.V1Container(
                    name="c", image="localhost/busybox:1", command=["true"])])))))


def watched():
    listed = CORE.list_namespaced_config_map(NAMESPACE)
    CORE.patch_namespaced_config_map("m", NAMESPACE, {"data": {"a": "f"}})
    one = watch.Watch()
    for event in one.stream(CORE.list_namespaced_config_map, NAMESPACE, timeout_seconds=10,
                            resource_version=listed.metadata.resource_version):
        if event["object"].data.get("a") == "f":
            one.stop()


def dynamically():
    d = dynamic.DynamicClient(API)
    maps = d.resources.get(api_version="v1", kind="ConfigMap")
    maps.get(namespace=NAMESPACE, name="m")
    maps.patch(namespace=NAMESPACE, name="m", body={"data": {"b": "c"}},
               content_type="application/merge-patch+json")
    d.server_side_apply(maps, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "n"},
                               "data": {"a": "b"}}, namespace=NAMESPACE, field_manager="tape")
    utils.create_from_dict(API, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {
        "selector": LABELS, "ports": [{"port": 80}]}}, namespace=NAMESPACE)
    CORE.delete_namespaced_service("s", NAMESPACE)


def timed():
    """Times as Python writes them: with +00:00, and with microseconds."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=120034)
    lease = client.CoordinationV1Api(API).create_namespaced_lease(NAMESPACE, client.V1Lease(
        metadata=client.V1ObjectMeta(name="held"), spec=client.V1LeaseSpec(
            holder_identity="me", acquire_time=now, renew_time=now, lease_duration_seconds=15)))
    assert lease.spec.renew_time == now, (lease.spec.renew_time, now)
    event = CORE.create_namespaced_event(NAMESPACE, client.CoreV1Event(
        metadata=client.V1ObjectMeta(generate_name="told-"), reason="Told", message="m", type="Normal",
        involved_object=client.V1ObjectReference(kind="ConfigMap", name="m", namespace=NAMESPACE),
        first_timestamp=now, last_timestamp=now, event_time=now, action="Telling", reporting_component="tape",
        reporting_instance="tape"))
    assert event.first_timestamp == now.replace(microsecond=0), event.first_timestamp


def customized():
    """A kind of one's own, by merge patches and JSON patches."""
    kinds, objects = client.ApiextensionsV1Api(API), client.CustomObjectsApi(API)
    kinds.create_custom_resource_definition({
        "metadata": {"name": "lamps.py.skiff.dev"}, "spec": {
            "group": "py.skiff.dev", "scope": "Namespaced",
            "names": {"plural": "lamps", "kind": "Lamp"}, "versions": [{
                "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object",
                                               "x-kubernetes-preserve-unknown-fields": True}}}]}})
    where = ("py.skiff.dev", "v1", NAMESPACE, "lamps")
    objects.create_namespaced_custom_object(*where, {
        "apiVersion": "py.skiff.dev/v1", "kind": "Lamp", "metadata": {"name": "a"}, "spec": {"watts": 7}})
    objects.patch_namespaced_custom_object(*where, "a", {"spec": {"watts": 8}})
    objects.patch_namespaced_custom_object(*where, "a", [
        {"op": "replace", "path": "/spec/watts", "value": 9}], _content_type="application/json-patch+json")
    objects.patch_namespaced_custom_object_status(*where, "a", {"status": {"on": True}})
    lamp = objects.get_namespaced_custom_object(*where, "a")
    assert lamp["spec"]["watts"] == 9 and lamp["status"]["on"], lamp
    lamp["spec"]["watts"] = 10
    objects.replace_namespaced_custom_object(*where, "a", lamp)
    listed = objects.list_namespaced_custom_object(*where)
    assert len(listed["items"]) == 1, listed
    objects.delete_namespaced_custom_object(*where, "a")
    kinds.delete_custom_resource_definition("lamps.py.skiff.dev")


def expired():
    """A watch from a version of long ago: 410, and the client says so or lists anew."""
    try:
        for _ in watch.Watch().stream(CORE.list_namespaced_config_map, NAMESPACE, timeout_seconds=2,
                                      resource_version="1"):
            break
    except ApiException as error:
        print(error.status, error.reason)


def ended():
    try:
        CORE.read_namespaced_pod("nobody", NAMESPACE)
    except ApiException as error:
        print(error.status, error.reason)
    BATCH.delete_namespaced_job("once", NAMESPACE, propagation_policy="Background")
    APPS.delete_namespaced_deployment("made", NAMESPACE, body=client.V1DeleteOptions(
        propagation_policy="Foreground"))
    CORE.delete_collection_namespaced_config_map(NAMESPACE, field_selector="metadata.name=m")
    CORE.delete_namespace(NAMESPACE)


for step in (typed, watched, dynamically, timed, customized, expired, ended):
    step()
