/* pod_env, pod_config and volumes: what a container is made from. */
#include "common/plan/containerd_config.h"
#include "nodeagent/pod_config.h"
#include "nodeagent/volume_write.h"
#include "tests/support/check.h"

#include <stdio.h>

static const char pod_text[] =
	"{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u1\",\"labels\":{\"a\":\"b\"}},"
	"\"spec\":{\"volumes\":[{\"name\":\"c\",\"configMap\":{\"name\":\"m\"}},"
	"{\"name\":\"e\",\"emptyDir\":{}}],\"containers\":[{\"name\":\"w\",\"image\":\"i:1\","
	"\"command\":[\"run\",\"$(A)\",\"$(NO)\",\"$$(A)\"],\"env\":[{\"name\":\"A\",\"value\":\"1\"},"
	"{\"name\":\"B\",\"value\":\"$(A)2\"},{\"name\":\"L\",\"valueFrom\":{\"fieldRef\":"
	"{\"fieldPath\":\"metadata.labels['a']\"}}},{\"name\":\"K\",\"valueFrom\":"
	"{\"configMapKeyRef\":{\"name\":\"m\",\"key\":\"k\"}}},{\"name\":\"S\",\"valueFrom\":"
	"{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"x\",\"optional\":true}}}],"
	"\"resources\":{\"limits\":{\"cpu\":\"500m\",\"memory\":\"64Mi\"}},"
	"\"volumeMounts\":[{\"name\":\"c\",\"mountPath\":\"/c\"},"
	"{\"name\":\"e\",\"mountPath\":\"/e\",\"subPath\":\"d\"}]}]}}";

static json_t *parse(const char *text)
{
	json_t *tree;
	struct error err;
	CHECK_INT(json_parse(text, strlen(text), &tree, &err), 0);
	return tree;
}

static void test_container(const json_t *pod, json_t *sources)
{
	struct pod_context p = { .object = pod, .sources = sources, .node_name = "node" };
	struct pod_config_options o = { .paths = { "/root", "/logs" },
					.cluster_dns = "10.96.0.10",
					.cluster_domain = "cluster.local",
					.cgroup_parent = "/sk" };
	const json_t *spec = json_array_get(json_dig(pod, "spec.containers"), 0);
	struct error err;
	struct cri_container_config c;
	struct cri_sandbox_config s;
	AUTO_ARENA a = { 0 };
	CHECK_INT(pod_container_config(&o, &p, spec, 3, &a, &c, &err), 0);
	CHECK_TEXT("A", cri_pairs_get(&c.envs, "A"), "1");
	CHECK_TEXT("B", cri_pairs_get(&c.envs, "B"), "12");
	CHECK_TEXT("L", cri_pairs_get(&c.envs, "L"), "b");
	CHECK_TEXT("K", cri_pairs_get(&c.envs, "K"), "v");
	CHECK(cri_pairs_get(&c.envs, "S") == NULL);
	CHECK_TEXT("expanded", c.command.at[1], "1");
	CHECK_TEXT("unknown", c.command.at[2], "$(NO)");
	CHECK_TEXT("escaped", c.command.at[3], "$(A)");
	CHECK_TEXT("log", c.log_path, "w/3.log");
	CHECK_INT(c.resources.cpu_quota, 50000);
	CHECK_INT(c.resources.cpu_shares, 512);
	CHECK_INT(c.resources.memory_limit, 64 << 20);
	CHECK_INT(c.mounts_count, 4); /* and /etc/hosts, /dev/termination-log */
	CHECK(c.mounts[0].is_readonly && !c.mounts[1].is_readonly);
	CHECK_TEXT("subPath", c.mounts[1].host_path, "/root/pods/u1/volumes/e/d");
	CHECK_INT(pod_sandbox_config(&o, &p, 0, &a, &s, &err), 0);
	CHECK_TEXT("cgroup", s.cgroup_parent, "/sk/podu1");
	CHECK_TEXT("search", s.dns_searches.at[0], "n.svc.cluster.local");
	CHECK_TEXT("logs", s.log_directory, "/logs/n_p_u1");

	json_object_set_new(sources, "ConfigMap/m", json_null());
	CHECK_INT(pod_container_config(&o, &p, spec, 3, &a, &c, &err), ERR_NOT_FOUND);
	CHECK_TEXT("missing", err.text, "configmap \"m\" not found");
}

static void read_back(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	out[0] = '\0';
	if (f && !fgets(out, (int)size, f))
		out[0] = '\0';
	if (f)
		fclose(f);
}

static void write_pod(const struct pod_context *p, const struct pod_paths *paths)
{
	struct volume_set set;
	struct error err;
	CHECK_INT(volume_set_make(p, paths, &set, &err), 0);
	CHECK_INT(volume_set_write(&set, &err), 0);
	CHECK_INT(volume_set_write(&set, &err), 0); /* again: nothing to do */
	volume_set_fini(&set);
}

static void test_volumes(const json_t *pod, json_t *sources)
{
	char dir[] = "/tmp/skiff-vol-XXXXXX", got[64];
	struct error err;
	CHECK(mkdtemp(dir) != NULL);
	struct pod_paths paths = { dir, dir };
	struct pod_context p = { .object = pod, .sources = sources };
	auto_free char *file = xasprintf("%s/pods/u1/volumes/c/k", dir);
	auto_free char *other = xasprintf("%s/pods/u1/volumes/c/z", dir);
	auto_free char *empty = xasprintf("%s/pods/u1/volumes/e", dir);
	auto_free char *link = xasprintf("%s/out", empty);
	auto_free char *pod_files = pod_dir(&paths, pod);
	auto_free char *logs = pod_log_dir(&paths, pod);

	json_object_set_new(sources, "ConfigMap/m", parse("{\"data\":{\"k\":\"v\",\"z\":\"1\"}}"));
	write_pod(&p, &paths);
	read_back(file, got, sizeof(got));
	CHECK_TEXT("first", got, "v");
	json_object_set_new(sources, "ConfigMap/m", parse("{\"data\":{\"k\":\"new\"}}"));
	write_pod(&p, &paths);
	read_back(file, got, sizeof(got));
	CHECK_TEXT("replaced", got, "new");
	CHECK(access(other, F_OK) != 0);

	CHECK_INT(volume_make_subpath(empty, "a/b/c", &err), 0);
	CHECK_INT(symlink("/etc", link), 0);
	CHECK(volume_make_subpath(empty, "out/x", &err) < 0); /* never leaves the volume */
	CHECK_INT(volume_set_remove(pod_files, logs, &err), 0);
	CHECK(access(pod_files, F_OK) != 0);
	auto_free char *pods = xasprintf("%s/pods", dir);
	CHECK_INT(rmdir(pods), 0);
	CHECK_INT(rmdir(dir), 0);

	json_object_set_new(sources, "ConfigMap/m", parse("{\"data\":{\"../k\":\"v\"}}"));
	struct volume_set set;
	CHECK_INT(volume_set_make(&p, &paths, &set, &err), ERR_INVALID);
}

static void test_texts(void)
{
	struct error err;
	AUTO_STR out;
	str_init(&out, 10000);
	struct containerd_config c = {
		.root = "/r", .state = "/s", .socket = "/s/c.sock", .cni_conf_dir = "/n"
	};
	CHECK_INT(containerd_config_print(&c, &out, &err), 0);
	CHECK(strstr(out.data, "address = \"/s/c.sock\"") && strstr(out.data, "conf_dir = \"/n\""));
	c.root = "/r\"\nx";
	CHECK_INT(containerd_config_print(&c, &out, &err), ERR_INVALID);
	AUTO_JSON *cni = NULL;
	str_clear(&out);
	CHECK_INT(cni_config_print("x", "10.1.0.0/24", "/d", 1400, &out, &err), 0);
	CHECK_INT(json_parse(out.data, out.len, &cni, &err), 0);
}

int main(void)
{
	AUTO_JSON *pod = parse(pod_text);
	AUTO_JSON *sources = parse("{\"ConfigMap/m\":{\"data\":{\"k\":\"v\"}}}");
	test_container(pod, sources);
	test_volumes(pod, sources);
	test_texts();
	return 0;
}
