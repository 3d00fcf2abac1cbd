// What programs with the JavaScript client send. tapes.py runs it once, through its proxy, to make the
// tape that test_tapes.py replays:
//
//	npm install @kubernetes/client-node@1.3
//	tests/e2e/tapes.py client-js main.mjs     (with main.mjs beside node_modules)
//
// Arguments: the server, a namespace.
import * as k8s from "@kubernetes/client-node";

const [server, namespace] = process.argv.slice(2);
const config = new k8s.KubeConfig();
config.loadFromClusterAndUser({ name: "c", server, skipTLSVerify: true }, { name: "u" });
const core = config.makeApiClient(k8s.CoreV1Api);
const apps = config.makeApiClient(k8s.AppsV1Api);
const objects = k8s.KubernetesObjectApi.makeApiClient(config);

await core.createNamespace({ body: { metadata: { name: namespace } } });
await config.makeApiClient(k8s.VersionApi).getCode();

const informer = k8s.makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`,
	() => core.listNamespacedConfigMap({ namespace }));
const seen = new Promise((resolve, reject) => {
	informer.on("update", (object) => object.data?.a === "c" && resolve());
	informer.on("error", reject);
	setTimeout(() => reject(new Error("the change was not seen")), 20000).unref();
});
await informer.start();
await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "seen" }, data: { a: "b" } } });
await core.patchNamespacedConfigMap({ namespace, name: "seen",
	body: [{ op: "replace", path: "/data/a", value: "c" }] });
await seen;
await informer.stop();

const labels = { app: "made" };
const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "made", namespace },
	spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: {
		containers: [{ name: "c", image: "localhost/busybox:1", command: ["sleep", "3600"] }] } } } };
await objects.create(deployment);
await objects.read({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "made", namespace } });
await objects.patch({ ...deployment, metadata: { ...deployment.metadata, labels: { a: "b" } } },
	undefined, undefined, "tape", true, k8s.PatchStrategy.ServerSideApply);
await objects.list("apps/v1", "Deployment", namespace);
await apps.readNamespacedDeploymentScale({ namespace, name: "made" });
await apps.listNamespacedDeployment({ namespace, labelSelector: "a=b", limit: 10 });
await core.listNamespacedEvent({ namespace });
await objects.delete({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "made", namespace } });
try {
	await core.readNamespacedPod({ namespace, name: "nobody" });
} catch (error) {
	console.log(error.code);
}
await core.deleteCollectionNamespacedConfigMap({ namespace });
await core.deleteNamespace({ name: namespace });
process.exit(0);
