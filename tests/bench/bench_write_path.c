/*
 * bench_write_path.c - what one write costs the API server's thread, without TLS, HTTP and etcd: requests to
 * a server over the memory store on the simulated loop.
 *
 *	bench_write_path [COUNT [NAME]]
 *
 * Prints a line a kind of write: its name and the CPU time of each, in µs; the floor is a GET of the
 * ConfigMap on the same path. With NAME only that one runs (and what it needs), for a profiler.
 */
#include "common/base/json_memory.h"
#include "common/base/jsonx.h"
#include "schemas/schema.h"
#include "tests/support/api_world.h"

#include <stdio.h>
#include <time.h>

#define RUN_MS 1000

static const char map_body[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"load-%06zu\"},"
	"\"data\":{\"k\":\"%0*d\"}}";
static const char pod_head[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"load-%06zu\",\"labels\":"
	"{\"app\":\"load\",\"tier\":\"back\"}},\"spec\":{\"automountServiceAccountToken\":false,"
	"\"containers\":[{\"name\":\"c\",\"image\":\"registry.example.org/team/program:1.2.3\","
	"\"resources\":{\"requests\":{\"cpu\":\"100m\",\"memory\":\"64Mi\"}},\"env\":[";
static const char status_body[] = "{\"status\":{\"phase\":\"Running\",\"podIP\":\"10.1.2.3\","
				  "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}";
static const char applied_body[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"load-%06zu\"},"
	"\"data\":{\"applied\":\"%0*d\"}}";
static const char lease_body[] =
	"{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":"
	"\"load-%06zu\"%s%s%s},\"spec\":{\"holderIdentity\":\"node-1\",\"leaseDurationSeconds\":40,"
	"\"renewTime\":\"2026-11-26T01:02:%02d.000000Z\"}}";

/* A definition as generators write them, and an object of 1 KB. */
static const char definition_body[] =
	"{\"metadata\":{\"name\":\"lamps.example.com\"},\"spec\":{\"group\":\"example.com\",\"scope\":"
	"\"Namespaced\",\"names\":{\"plural\":\"lamps\",\"kind\":\"Lamp\"},\"versions\":[{\"name\":"
	"\"v1\",\"served\":true,\"storage\":true,\"subresources\":{\"status\":{}},\"schema\":"
	"{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"apiVersion\":{\"type\":\"string\"},"
	"\"kind\":{\"type\":\"string\"},\"metadata\":{\"type\":\"object\"},\"spec\":{\"type\":\"object\","
	"\"required\":[\"color\"],\"properties\":{\"color\":{\"type\":\"string\",\"enum\":[\"red\","
	"\"green\"]},\"watts\":{\"type\":\"integer\",\"format\":\"int32\",\"minimum\":1,\"default\":40},"
	"\"dimmed\":{\"type\":\"boolean\"},\"note\":{\"type\":\"string\",\"maxLength\":1024},"
	"\"rooms\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\"],"
	"\"properties\":{\"name\":{\"type\":\"string\",\"minLength\":1},\"size\":{\"type\":\"integer\"}}}},"
	"\"options\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}}},\"status\":"
	"{\"type\":\"object\",\"properties\":{\"on\":{\"type\":\"boolean\"}}}}}}}]}}";
static const char lamp_body[] =
	"{\"apiVersion\":\"example.com/v1\",\"kind\":\"Lamp\",\"metadata\":{\"name\":\"load-%06zu\"%s%s%s},"
	"\"spec\":{\"color\":\"%s\",\"dimmed\":true,\"note\":\"%0*d\",\"options\":{\"a\":\"1\",\"b\":"
	"\"2\",\"c\":\"3\"},\"rooms\":[{\"name\":\"hall\",\"size\":12},{\"name\":\"kitchen\"},"
	"{\"name\":\"attic\",\"size\":40}]}}";

#define COUNT_MAX 100000
static char versions[COUNT_MAX][24]; /* of the last answer about each object */

static void account_text(struct str *out, size_t i)
{
	str_addf(out, "{\"metadata\":{\"name\":\"load-%06zu\",\"labels\":{\"app\":\"load\"}}}", i);
}

static void service_text(struct str *out, size_t i)
{
	str_addf(
		out,
		"{\"metadata\":{\"name\":\"load-%06zu\"},\"spec\":{\"selector\":{\"app\":\"load\"},"
		"\"ports\":[{\"name\":\"http\",\"port\":80,\"targetPort\":8080}]}}",
		i);
}

static void map_text(struct str *out, size_t i)
{
	str_addf(out, map_body, i, 624, 1);
}

static void map_changed(struct str *out, size_t i)
{
	str_addf(out, map_body, i, 624, 2);
}

static void map_applied(struct str *out, size_t i)
{
	str_addf(out, applied_body, i, 100, 3);
}

static void pod_text(struct str *out, size_t i)
{
	str_addf(out, pod_head, i);
	for (int v = 0; v < 10; v++)
		str_addf(out, "%s{\"name\":\"VARIABLE_%02d\",\"value\":\"%024d\"}", v ? "," : "", v,
			 0);
	str_add(out, "]}]}}");
}

static void status_text(struct str *out, size_t i)
{
	(void)i;
	str_add(out, status_body);
}

static void lease_text(struct str *out, size_t i)
{
	str_addf(out, lease_body, i, "", "", "", 1);
}

static void lease_renewed(struct str *out, size_t i)
{
	str_addf(out, lease_body, i, ",\"resourceVersion\":\"", versions[i], "\"", 2);
}

static void lamp_text(struct str *out, size_t i)
{
	str_addf(out, lamp_body, i, "", "", "", "red", 500, 1);
}

static void lamp_changed(struct str *out, size_t i)
{
	str_addf(out, lamp_body, i, ",\"resourceVersion\":\"", versions[i], "\"", "green", 500, 2);
}

/* The same as messages, as clients of Go's library send them. */
static void as_message(const char *group, const char *version, const char *kind,
		       void (*text)(struct str *out, size_t i), struct str *out, size_t i)
{
	const struct schema_kind *k = schema_kind_by_kind(group, version, kind);
	AUTO_STR json, api_version;
	AUTO_JSON *tree = NULL;
	struct error err;
	str_init(&json, 1 << 20);
	str_init(&api_version, 256);
	schema_api_version(k, &api_version);
	text(&json, i);
	int code = json_parse(json.data, json.len, &tree, &err);
	assert(code == 0);
	code = schema_encode_protobuf(k->type, api_version.data, kind, tree, out, &err);
	assert(code == 0);
}

static void map_message(struct str *out, size_t i)
{
	as_message("", "v1", "ConfigMap", map_text, out, i);
}

static void map_changed_message(struct str *out, size_t i)
{
	as_message("", "v1", "ConfigMap", map_changed, out, i);
}

static void lease_message(struct str *out, size_t i)
{
	as_message("coordination.k8s.io", "v1", "Lease", lease_text, out, i);
}

static void lease_renewed_message(struct str *out, size_t i)
{
	as_message("coordination.k8s.io", "v1", "Lease", lease_renewed, out, i);
}

#define MAPS   "/api/v1/namespaces/default/configmaps"
#define PODS   "/api/v1/namespaces/default/pods"
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/default/leases"
/* Where nothing of the others is. */
#define MESSAGES "/api/v1/namespaces/kube-public/configmaps"
#define HOLDERS  "/apis/coordination.k8s.io/v1/namespaces/kube-public/leases"
#define LAMPS    "/apis/example.com/v1/namespaces/default/lamps"
#define JSON     "application/json"
#define WIRE     "application/vnd.kubernetes.protobuf"

static const struct step {
	const char *name, *method, *target /* "@": load-NUMBER */, *type;
	void (*body)(struct str *out, size_t i);
} steps[] = {
	{ "create a ConfigMap", "POST", MAPS, JSON, map_text },
	{ "get it (floor)", "GET", MAPS "/@?resourceVersion=0", NULL, NULL },
	{ "update it", "PUT", MAPS "/@", JSON, map_changed },
	{ "apply it", "PATCH", MAPS "/@?fieldManager=bench", "application/apply-patch+yaml",
	  map_applied },
	{ "delete it", "DELETE", MAPS "/@", NULL, NULL },
	{ "create a Lease", "POST", LEASES, JSON, lease_text },
	{ "renew it", "PUT", LEASES "/@", JSON, lease_renewed },
	{ "protobuf: ConfigMap", "POST", MESSAGES, WIRE, map_message },
	{ "protobuf: update", "PUT", MESSAGES "/@", WIRE, map_changed_message },
	{ "protobuf: Lease", "POST", HOLDERS, WIRE, lease_message },
	{ "protobuf: renew", "PUT", HOLDERS "/@", WIRE, lease_renewed_message },
	{ "a ServiceAccount", "POST", "/api/v1/namespaces/kube-public/serviceaccounts", JSON,
	  account_text },
	{ "a custom object", "POST", LAMPS, JSON, lamp_text },
	{ "update the custom", "PUT", LAMPS "/@", JSON, lamp_changed },
	{ "create a Service", "POST", "/api/v1/namespaces/default/services", JSON, service_text },
	{ "delete the Service", "DELETE", "/api/v1/namespaces/default/services/@", NULL, NULL },
	{ "create a Pod", "POST", PODS, JSON, pod_text },
	{ "patch its status", "PATCH", PODS "/@/status", "application/strategic-merge-patch+json",
	  status_text },
	{ "delete the Pod", "DELETE", PODS "/@?gracePeriodSeconds=0", NULL, NULL },
};

static double cpu_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The CPU time it took, in µs. */
static double call(struct api_world *w, const struct step *s, size_t i, struct str *body)
{
	char target[256];
	const char *at = strchr(s->target, '@');
	int n = at ? snprintf(target, sizeof target, "%.*sload-%06zu%s", (int)(at - s->target),
			      s->target, i, at + 1)
		   : snprintf(target, sizeof target, "%s", s->target);
	assert(n > 0 && (size_t)n < sizeof target);
	str_clear(body);
	if (s->body)
		s->body(body, i);
	struct api_answer a;
	double begun_us = cpu_us();
	api_world_send(w, w->admin, s->method, target, s->type, NULL, s->body ? body->data : NULL,
		       s->body ? body->len : 0, RUN_MS, &a);
	double took_us = cpu_us() - begun_us;
	if (a.status / 100 != 2) {
		fprintf(stderr, "%s: %d %s\n", s->name, a.status, a.body.data);
		abort();
	}
	static const char version[] = "\"resourceVersion\":\"";
	const char *found = strstr(a.body.data, version);
	if (found && sscanf(found + sizeof version - 1, "%23[0-9]", versions[i]) != 1)
		abort();
	api_answer_fini(&a);
	return took_us;
}

/* The collection of the step's kind. */
static const char *target_of(const char *name)
{
	const char *collection = NULL;
	for (size_t i = 0; name && i < ARRAY_LEN(steps); i++) {
		if (starts_with(steps[i].method, "POST"))
			collection = steps[i].target;
		if (streq(steps[i].name, name))
			return collection;
	}
	return NULL;
}

static void prepare(struct api_world *w)
{
	static const struct {
		const char *target, *body;
	} made[] = {
		{ "/api/v1/namespaces/default/serviceaccounts",
		  "{\"metadata\":{\"name\":\"default\"}}" },
		{ "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition_body },
	};
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		struct api_answer a;
		api_world_call(w, w->admin, "POST", made[i].target, JSON, NULL, made[i].body,
			       RUN_MS, &a);
		assert(a.status == 201);
		api_answer_fini(&a);
	}
}

int main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
	const char *only = argc > 2 ? argv[2] : NULL;
	assert(count > 0 && count <= COUNT_MAX);
	struct api_world w;
	AUTO_STR body;
	str_init(&body, 1 << 20);
	json_memory_keep();
	api_world_init(&w, 1);
	prepare(&w);
	for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
		const struct step *s = &steps[k];
		bool is_other = only && !streq(only, s->name);
		/* What it needs: the objects of its kind. */
		bool is_needed = starts_with(s->method, "POST") && target_of(only) == s->target;
		size_t rounds = is_other && !is_needed ? 0 : count;
		double took_us = 0;
		for (size_t i = 0; i < rounds; i++)
			took_us += call(&w, s, i, &body);
		if (!is_other)
			printf("%-20s %7.2f\n", s->name, took_us / (double)count);
	}
	api_world_fini(&w);
	return 0;
}
