/* Kinds of CustomResourceDefinitions, as clients see them: from the write of the definition to the end
 * of its last object. */
#include "common/base/jsonx.h"
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define CRDS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define V1   "/apis/example.com/v1/namespaces/default/lamps"
#define V2   "/apis/example.com/v2/namespaces/default/lamps"

#define NAMES(plural, kind, more)                                                                  \
	"\"names\":{\"plural\":\"" plural "\",\"kind\":\"" kind "\"" more "}"
#define CRD(plural, group, kind, more, versions)                                                   \
	"{\"metadata\":{\"name\":\"" plural "." group "\"},\"spec\":{\"group\":\"" group           \
	"\",\"scope\":\"Namespaced\"," NAMES(plural, kind, more) ",\"versions\":[" versions "]}}"
#define PROPERTIES                                                                                 \
	"\"watts\":{\"type\":\"integer\",\"default\":40},\"color\":{\"type\":\"string\"},"         \
	"\"replicas\":{\"type\":\"integer\"}"
#define VERSION(name, flags, spec, more)                                                           \
	"{\"name\":\"" name "\"," flags                                                            \
	",\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{"         \
	"\"type\":\"object\",\"properties\":{" spec                                                \
	"}},\"status\":{\"type\":\"object\",\"properties\":{\"on\":{\"type\":\"boolean\"},"        \
	"\"replicas\":{\"type\":\"integer\"}}}}}}" more "}"
#define STATUS_AND_SCALE                                                                           \
	",\"subresources\":{\"status\":{},\"scale\":{\"specReplicasPath\":\".spec.replicas\","     \
	"\"statusReplicasPath\":\".status.replicas\"}},\"selectableFields\":[{\"jsonPath\":"       \
	"\".spec.color\"}],\"additionalPrinterColumns\":[{\"name\":\"Watts\",\"type\":"            \
	"\"integer\",\"jsonPath\":\".spec.watts\"}]"
#define V1_STORED VERSION("v1", "\"served\":true,\"storage\":true", PROPERTIES, STATUS_AND_SCALE)
#define V2_SERVED                                                                                  \
	VERSION("v2", "\"served\":true,\"storage\":false", "\"watts\":{\"type\":\"integer\"}",     \
		",\"deprecated\":true")
#define LAMP(name, spec)                                                                           \
	"{\"apiVersion\":\"example.com/v1\",\"kind\":\"Lamp\",\"metadata\":{\"name\":\"" name      \
	"\"},\"spec\":{" spec "}}"

/* Each right after the other: nothing waits for discovery, or for a controller. */
static const struct api_row life[] = {
	{ "not yet", 0, "GET", V1, 0, 404, "" },
	{ "definition", 0, "POST", CRDS,
	  CRD("lamps", "example.com", "Lamp", ",\"shortNames\":[\"lp\"]", V1_STORED), 201,
	  "\"type\":\"NamesAccepted\" & \"reason\":\"NoConflicts\" & \"type\":\"Established\" & "
	  "\"reason\":\"InitialNamesAccepted\" & \"storedVersions\":[\"v1\"] & "
	  "\"acceptedNames\":{\"plural\":\"lamps\",\"singular\":\"lamp\"" },
	{ "made at once", 0, "POST", V1, LAMP("a", "\"color\":\"red\",\"unknown\":1"), 201,
	  "\"watts\":40 & \"generation\":1 & \"kind\":\"Lamp\" & !unknown\":1 & "
	  "Warning: 299 - \"unknown field" },
	{ "read", 0, "GET", V1 "/a", 0, 200, "\"color\":\"red\"" },
	{ "bad", 0, "POST", V1, LAMP("b", "\"watts\":\"x\""), 422, "spec.watts: Invalid value" },
	{ "twice", 0, "POST", V1, LAMP("a", ""), 409,
	  "lamps.example.com \\\"a\\\" already exists" },
	{ "list", 0, "GET", V1, 0, 200, "\"kind\":\"LampList\" & \"name\":\"a\"" },
	{ "of all namespaces", 0, "GET", "/apis/example.com/v1/lamps", 0, 200, "\"name\":\"a\"" },
	{ "selected", 0, "GET", V1 "?fieldSelector=spec.color%3Dred", 0, 200, "\"name\":\"a\"" },
	{ "not selected", 0, "GET", V1 "?fieldSelector=spec.color%3Dblue", 0, 200, "\"items\":[]" },
	{ "no such label", 0, "GET", V1 "?fieldSelector=spec.watts%3D1", 0, 400,
	  "field label not supported: spec.watts" },
	{ "discovery in YAML", "@|Accept: application/yaml", "GET", "/apis/example.com/v1", 0, 200,
	  "Content-Type: application/yaml & kind: APIResourceList" },
	{ "discovery in what nobody speaks", "@|Accept: application/cbor", "GET",
	  "/apis/example.com/v1", 0, 406,
	  "only the following media types are accepted: application/json, application/yaml, "
	  "application/vnd.kubernetes.protobuf\"" },
	{ "discovery of ours in it", "@|Accept: application/cbor", "GET", "/apis/apps/v1", 0, 406,
	  "406: Not Acceptable\\n\\nAvailable representations: application/json, application/yaml, "
	  "application/vnd.kubernetes.protobuf\"" },
	{ "table", "@|Accept: application/json;as=Table;g=meta.k8s.io;v=v1", "GET", V1, 0, 200,
	  "\"name\":\"Watts\" & \"cells\":[\"a\",40]" },
	{ "patched", 0, "PATCH", V1 "/a", "{\"spec\":{\"color\":\"blue\"}}", 200,
	  "\"generation\":2 & blue" },
	{ "by operations", 0, "PATCH", V1 "/a",
	  "[{\"op\":\"replace\",\"path\":\"/spec/watts\",\"value\":60}]", 200,
	  "\"generation\":3 & \"watts\":60" },
	{ "labels do not count", 0, "PATCH", V1 "/a", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}",
	  200, "\"generation\":3" },
	{ "status is not written here", 0, "PATCH", V1 "/a", "{\"status\":{\"on\":true}}", 200,
	  "\"generation\":3 & !\"on\"" },
	{ "but here", 0, "PATCH", V1 "/a/status",
	  "{\"spec\":{\"color\":\"no\"},\"status\":{\"on\":true}}", 200,
	  "\"generation\":3 & \"on\":true & blue" },
	{ "no scale yet", 0, "GET", V1 "/a/scale", 0, 500,
	  "\"Internal error occurred: the spec replicas field \\\".spec.replicas\\\" does not exist\"" },
	{ "nothing to set", 0, "PATCH", V1 "/a/scale", "{\"spec\":{}}", 400, "cannot be empty" },
	{ "scaled", 0, "PATCH", V1 "/a/scale", "{\"spec\":{\"replicas\":3}}", 200,
	  "\"kind\":\"Scale\" & \"spec\":{\"replicas\":3}" },
	{ "it counts", 0, "GET", V1 "/a", 0, 200, "\"replicas\":3 & \"generation\":4" },
	{ "table of a status", "@|Accept: application/json;as=Table;g=meta.k8s.io;v=v1", "GET",
	  V1 "/a/status", 0, 200, "\"name\":\"Watts\" & \"cells\":[\"a\",60" },
	{ "table of a scale", "@|Accept: application/json;as=Table;g=meta.k8s.io;v=v1", "GET",
	  V1 "/a/scale", 0, 200,
	  "\"name\":\"Desired\",\"type\":\"integer\" & "
	  "\"name\":\"Age\",\"type\":\"date\" & \"cells\":[\"a\",3,0,\" & "
	  "\"kind\":\"PartialObjectMetadata\" & !managedFields" },
	{ "no protobuf body", "@|Content-Type: application/vnd.kubernetes.protobuf", "POST", V1,
	  "k8s", 415, "application/json, application/yaml" },
	{ "no protobuf answer", "@|Accept: application/vnd.kubernetes.protobuf", "GET", V1, 0, 406,
	  "" },
	{ "but JSON", "@|Accept: application/vnd.kubernetes.protobuf,application/json", "GET", V1,
	  0, 200, "LampList" },
	{ "needs its version", 0, "PUT", V1 "/a", LAMP("a", ""), 422,
	  "\"lamps.example.com \\\"a\\\" is invalid: metadata.resourceVersion: Invalid value: 0: must "
	  "be specified for an update\"" },
	{ "without its kind", 0, "POST", V1,
	  "{\"apiVersion\":\"example.com/v1\",\"metadata\":{\"name\":\"x\"}}", 400,
	  "\"the object provided is unrecognized (must be of type Lamp): Object 'Kind' is missing in "
	  "'{\\\"apiVersion\\\":\\\"example.com/v1\\\",\\\"metadata\\\":{\\\"name\\\":\\\"x\\\"}}' (" },
	{ "without its version", 0, "POST", V1, "{\"kind\":\"Lamp\",\"metadata\":{\"name\":\"x\"}}",
	  400,
	  "\"the API version in the data () does not match the expected API version "
	  "(example.com/v1)\"" },
	{ "of another version", 0, "POST", V1,
	  "{\"apiVersion\":\"a.b/v2\",\"kind\":\"Lamp\",\"metadata\":{\"name\":\"x\"}}", 400,
	  "\"the API version in the data (a.b/v2) does not match the expected API version "
	  "(example.com/v1)\"" },
	{ "of another kind", 0, "POST", V1,
	  "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Foo\",\"metadata\":{\"name\":\"x\"}}", 422,
	  "\"Foo.example.com \\\"x\\\" is invalid: kind: Invalid value: \\\"Foo\\\": must be Lamp\"" },
	{ "no object", 0, "POST", V1, "[]", 400,
	  "(must be of type Lamp): couldn't get version/kind; json parse error: json: cannot unmarshal "
	  "array into Go value of type struct" },
	{ "made another kind", 0, "PATCH", V1 "/a", "{\"kind\":\"Foo\"}", 422,
	  "\"Foo.example.com \\\"a\\\" is invalid: kind: Invalid value: \\\"Foo\\\": must be Lamp\"" },
	{ "less than nothing", 0, "PATCH", V1 "/a/scale", "{\"spec\":{\"replicas\":-1}}", 422,
	  "\"Lamp.example.com \\\"a\\\" is invalid: .spec.replicas: Invalid value: -1: should be a "
	  "non-negative integer\"" },
	{ "a condition has an owner", 0, "PATCH",
	  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/lamps.example.com/status",
	  "[{\"op\":\"add\",\"path\":\"/status/conditions/-\",\"value\":{\"type\":\"X\","
	  "\"status\":\"True\"}}]",
	  200, "\"f:conditions\":{\"k:{\\\"type\\\":\\\"X\\\"}\":{\".\":{}" },
	{ "its verbs", 0, "GET", "/apis/example.com/v1/", 0, 200,
	  "\"verbs\":[\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"create\",\"update\","
	  "\"watch\"]" },
	{ "no strategic merge", "@|Content-Type: application/strategic-merge-patch+json", "PATCH",
	  V1 "/a", "{}", 415, "" },
	{ "discovery", 0, "GET", "/apis/example.com/v1", 0, 200,
	  "\"name\":\"lamps\",\"singularName\":\"lamp\" & \"shortNames\":[\"lp\"] & lamps/status & "
	  "lamps/scale" },
	{ "OpenAPI", 0, "GET", "/openapi/v3", 0, 200, "apis/example.com/v1" },
	{ "no other subresource", 0, "GET", V1 "/a/log", 0, 404, "" },
};

static const struct api_row versions[] = {
	{ "v2 is not served", 0, "GET", V2, 0, 404, "" },
	{ "it comes", 0, "PATCH", CRDS "/lamps.example.com",
	  "{\"spec\":{\"versions\":[" V1_STORED "," V2_SERVED "]}}", 200,
	  "\"storedVersions\":[\"v1\"]" },
	{ "pruned for v2", 0, "GET", V2 "/a", 0, 200,
	  "\"apiVersion\":\"example.com/v2\" & \"watts\":60 & !blue & "
	  "Warning: 299 - \"example.com/v2 Lamp is deprecated" },
	{ "v1 as it was", 0, "GET", V1 "/a", 0, 200, "\"apiVersion\":\"example.com/v1\" & blue" },
	{ "made through v2", 0, "POST", V2,
	  "{\"apiVersion\":\"example.com/v2\",\"kind\":\"Lamp\",\"metadata\":{\"name\":\"b\"},"
	  "\"spec\":{\"watts\":5}}",
	  201, "\"apiVersion\":\"example.com/v2\"" },
	{ "seen through v1", 0, "GET", V1 "/b", 0, 200,
	  "\"apiVersion\":\"example.com/v1\" & \"watts\":5" },
	{ "v2 is preferred", 0, "GET", "/apis/example.com", 0, 200,
	  "\"preferredVersion\":{\"groupVersion\":\"example.com/v2\"" },
	{ "stored as v2", 0, "PATCH", CRDS "/lamps.example.com",
	  "[{\"op\":\"replace\",\"path\":\"/spec/versions/0/storage\",\"value\":false},"
	  "{\"op\":\"replace\",\"path\":\"/spec/versions/1/storage\",\"value\":true}]",
	  200, "\"storedVersions\":[\"v1\",\"v2\"]" },
	{ "still whole", 0, "GET", V1 "/a", 0, 200, "\"apiVersion\":\"example.com/v1\" & blue" },
	{ "in both", 0, "GET", V2 "/a", 0, 200, "\"apiVersion\":\"example.com/v2\" & !blue" },
	{ "stored as v1 again", 0, "PATCH", CRDS "/lamps.example.com",
	  "[{\"op\":\"replace\",\"path\":\"/spec/versions/0/storage\",\"value\":true},"
	  "{\"op\":\"replace\",\"path\":\"/spec/versions/1/storage\",\"value\":false}]",
	  200, "\"storedVersions\":[\"v1\",\"v2\"]" },
	{ "nothing was lost", 0, "GET", V1 "/a", 0, 200, "blue" },
	{ "and v2", 0, "PATCH", CRDS "/lamps.example.com",
	  "[{\"op\":\"replace\",\"path\":\"/spec/versions/0/storage\",\"value\":false},"
	  "{\"op\":\"replace\",\"path\":\"/spec/versions/1/storage\",\"value\":true}]",
	  200, "" },
	{ "written anew", 0, "PATCH", V2 "/b", "{}", 200, "\"apiVersion\":\"example.com/v2\"" },
	{ "v1 is served no more", 0, "PATCH", CRDS "/lamps.example.com",
	  "[{\"op\":\"replace\",\"path\":\"/spec/versions/0/served\",\"value\":false}]", 200, "" },
};

static const struct api_row unserved[] = {
	{ "404", 0, "GET", V1 "/a", 0, 404, "" },
	{ "v2 is", 0, "GET", V2, 0, 200, "\"name\":\"a\" & \"name\":\"b\"" },
};

static const struct api_row conflicts[] = {
	{ "another with the same kind", 0, "POST", CRDS,
	  CRD("lights", "example.com", "Lamp", "", V1_STORED), 201,
	  "\"reason\":\"ListKindConflict\" & \\\"LampList\\\" is already in use & "
	  "\"reason\":\"NotAccepted\" & \"plural\":\"lights\"" },
	{ "is not served", 0, "GET", "/apis/example.com/v1/lights", 0, 404, "" },
	{ "its short name", 0, "POST", CRDS,
	  CRD("bulbs", "example.com", "Bulb", ",\"shortNames\":[\"lp\",\"b\"]", V1_STORED), 201,
	  "\"reason\":\"ShortNamesConflict\" & \\\"lp\\\" is already in use" },
	{ "elsewhere it is free", 0, "POST", CRDS,
	  CRD("lamps", "example.org", "Lamp", ",\"shortNames\":[\"lp\"]", V1_STORED), 201,
	  "NoConflicts" },
};

static const struct api_row end[] = {
	{ "held", 0, "PATCH", V2 "/a", "{\"metadata\":{\"finalizers\":[\"example.com/hold\"]}}",
	  200, "" },
	{ "deleted", 0, "DELETE", CRDS "/lamps.example.com", 0, 200,
	  "\"reason\":\"InstanceDeletionPending\" & customresourcecleanup.apiextensions.k8s.io" },
	{ "nothing new", 0, "POST", V2,
	  "{\"apiVersion\":\"example.com/v2\",\"kind\":\"Lamp\",\"metadata\":{\"name\":\"c\"}}",
	  403,
	  "lamps.example.com \\\"c\\\" is forbidden: create not allowed while custom resource "
	  "definition is terminating" },
};

static const struct api_row ending[] = {
	{ "in progress", 0, "GET", CRDS "/lamps.example.com", 0, 200,
	  "\"reason\":\"InstanceDeletionInProgress\"" },
	{ "the other went", 0, "GET", V2 "/b", 0, 404, "" },
	{ "fewer verbs", 0, "GET", "/apis/example.com/v2", 0, 200,
	  "\"verbs\":[\"delete\",\"deletecollection\",\"get\",\"list\",\"watch\"]" },
	{ "let go", 0, "PATCH", V2 "/a", "{\"metadata\":{\"finalizers\":null}}", 200, "" },
};

static const struct api_row gone[] = {
	{ "the definition too", 0, "GET", CRDS "/lamps.example.com", 0, 404, "" },
	{ "404", 0, "GET", V2, 0, 404, "" },
	{ "the kind is free for the other", 0, "GET", CRDS "/lights.example.com", 0, 200,
	  "NoConflicts & InitialNamesAccepted" },
	{ "which is served", 0, "GET", "/apis/example.com/v1/lights", 0, 200, "" },
	{ "made anew", 0, "POST", CRDS, CRD("lamps", "example.com", "Lantern", "", V1_STORED), 201,
	  "NoConflicts" },
	{ "empty", 0, "GET", V1, 0, 200, "\"items\":[]" },
};

static void rest(struct api_world *w, int64_t ms)
{
	loop_sim_run_until(w->loop, loop_now_ms(w->loop) + ms);
}

static void test_life(uint64_t seed)
{
	struct api_world w;
	api_world_init(&w, seed);
	memory_etcd_set_delay(w.etcd, 1, 9, seed);
	api_rows_run(&w, life, ARRAY_LEN(life));
	api_rows_run(&w, versions, ARRAY_LEN(versions));
	rest(&w, 100);
	api_rows_run(&w, unserved, ARRAY_LEN(unserved));
	api_rows_run(&w, conflicts, ARRAY_LEN(conflicts));
	api_rows_run(&w, end, ARRAY_LEN(end));
	rest(&w, 3000);
	api_rows_run(&w, ending, ARRAY_LEN(ending));
	rest(&w, 3000);
	api_rows_run(&w, gone, ARRAY_LEN(gone));
	api_world_fini(&w);
}

/* What one server was told, another serves; and one that starts finds all in the store. */
static void test_servers(uint64_t seed)
{
	static const struct api_row define[] = {
		{ "definition", 0, "POST", CRDS, CRD("lamps", "a.example", "Lamp", "", V1_STORED),
		  201, "" },
	};
	static const struct api_row make[] = {
		{ "object", 0, "POST", "/apis/a.example/v1/namespaces/default/lamps",
		  "{\"apiVersion\":\"a.example/v1\",\"kind\":\"Lamp\",\"metadata\":{\"name\":\"one\"},"
		  "\"spec\":{\"color\":\"red\"}}",
		  201, "a.example/v1" },
	};
	static const struct api_row read[] = {
		{ "object", 0, "GET", "/apis/a.example/v1/namespaces/default/lamps/one", 0, 200,
		  "\"watts\":40" },
		{ "selected", 0, "GET",
		  "/apis/a.example/v1/namespaces/default/lamps?fieldSelector=spec.color%3Dred", 0,
		  200, "\"name\":\"one\"" },
	};
	struct api_world a, b, c;
	api_world_init(&a, seed);
	api_world_join(&b, seed + 1, &(struct server_options){ 0 }, &a);
	memory_etcd_set_delay(a.etcd, 1, 9, seed);
	api_rows_run(&a, define, ARRAY_LEN(define));
	api_rows_run(&b, make, ARRAY_LEN(make));
	api_rows_run(&a, read, ARRAY_LEN(read));
	api_world_join(&c, seed + 2, &(struct server_options){ 0 }, &a);
	rest(&c, 2000);
	api_rows_run(&c, read, ARRAY_LEN(read));
	api_world_fini(&c);
	api_world_fini(&b);
	api_world_fini(&a);
}

/* A default that comes later is seen in what was there before, without a new version. */
static void test_derived(uint64_t seed)
{
	static const struct api_row before[] = {
		{ "definition", 0, "POST", CRDS,
		  CRD("lamps", "example.com", "Lamp", "",
		      VERSION("v1", "\"served\":true,\"storage\":true",
			      "\"color\":{\"type\":\"string\"}", "")),
		  201, "" },
		{ "object", 0, "POST", V1, LAMP("a", "\"color\":\"red\""), 201, "!watts" },
		{ "a default", 0, "PATCH", CRDS "/lamps.example.com",
		  "{\"spec\":{\"versions\":[" VERSION(
			  "v1", "\"served\":true,\"storage\":true",
			  "\"watts\":{\"type\":\"integer\",\"default\":7}", "") "]}}",
		  200, "" },
	};
	static const struct api_row after[] = {
		{ "is there, and the other gone", 0, "GET", V1 "/a", 0, 200,
		  "\"watts\":7 & !\"color\":\"red\" & \"generation\":1" },
	};
	struct api_world w;
	api_world_init(&w, seed);
	api_rows_run(&w, before, ARRAY_LEN(before));
	rest(&w, 100);
	api_rows_run(&w, after, ARRAY_LEN(after));
	api_world_fini(&w);
}

struct call {
	int status;
	size_t events; /* lines */
	bool is_done;
};

static void head(void *ctx, int status, const struct http_header *headers, size_t n)
{
	(void)headers, (void)n;
	((struct call *)ctx)->status = status;
}

static void data(void *ctx, const char *bytes, size_t n)
{
	struct call *c = ctx;
	for (size_t i = 0; i < n; i++)
		c->events += bytes[i] == '\n';
	if (c->status >= 400)
		fprintf(stderr, "%.*s\n", (int)n, bytes);
}

static void done(void *ctx, const struct error *err)
{
	(void)err;
	((struct call *)ctx)->is_done = true;
}

static void start(struct api_world *w, const char *method, const char *target, const char *body,
		  struct call *c)
{
	static const struct http_events events = { head, data, done };
	static const struct http_header merge = { "Content-Type", "application/merge-patch+json" };
	struct http_request q = { .method = method,
				  .target = target,
				  .headers = &merge,
				  .headers_count = streq(method, "PATCH"),
				  .body = body,
				  .body_len = strlen(body) };
	(void)http_start(w->admin, &q, &events, c);
}

/* Who takes the finalizer away leaves objects in the store; a definition of the same names has them. */
static void test_left_behind(uint64_t seed)
{
	static const struct api_row lose[] = {
		{ "definition", 0, "POST", CRDS, CRD("lamps", "example.com", "Lamp", "", V1_STORED),
		  201, "" },
		{ "object", 0, "POST", V1,
		  "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Lamp\",\"metadata\":{\"name\":\"a\","
		  "\"finalizers\":[\"example.com/hold\"]},\"spec\":{"
		  "\"color\":\"red\"}}",
		  201, "" },
		{ "deleted", 0, "DELETE", CRDS "/lamps.example.com", 0, 200, "" },
		{ "by force", 0, "PATCH", CRDS "/lamps.example.com",
		  "{\"metadata\":{\"finalizers\":null}}", 200, "" },
	};
	static const struct api_row find[] = {
		{ "not served", 0, "GET", V1 "/a", 0, 404, "" },
		{ "again", 0, "POST", CRDS, CRD("lamps", "example.com", "Lamp", "", V1_STORED), 201,
		  "" },
		{ "there it is", 0, "GET", V1 "/a", 0, 200, "\"color\":\"red\" & \"watts\":40" },
		{ "selected", 0, "GET", V1 "?fieldSelector=spec.color%3Dred", 0, 200,
		  "\"name\":\"a\"" },
	};
	struct api_world w;
	api_world_init(&w, seed);
	memory_etcd_set_delay(w.etcd, 1, 9, seed);
	api_rows_run(&w, lose, ARRAY_LEN(lose));
	rest(&w, 2000);
	api_rows_run(&w, find, ARRAY_LEN(find));
	api_world_fini(&w);
}

/* A watch sees what happens, and ends with its kind. */
static void test_watch(uint64_t seed)
{
	static const struct api_row define[] = {
		{ "definition", 0, "POST", CRDS, CRD("lamps", "example.com", "Lamp", "", V1_STORED),
		  201, "" },
	};
	static const struct api_row end_it[] = {
		{ "object", 0, "POST", V1, LAMP("a", ""), 201, "" },
		{ "deleted", 0, "DELETE", CRDS "/lamps.example.com", 0, 200, "" },
	};
	struct api_world w;
	struct call watch = { 0 }, all = { 0 };
	api_world_init(&w, seed);
	start(&w, "GET", "/apis/skiff.dev/v1/metadata?watch=true", "", &all);
	rest(&w, 100);
	api_rows_run(&w, define, ARRAY_LEN(define));
	start(&w, "GET", V1 "?watch=true", "", &watch);
	rest(&w, 100);
	CHECK(watch.status == 200 && !watch.is_done);
	api_rows_run(&w, end_it, ARRAY_LEN(end_it));
	rest(&w, 3000);
	CHECK(watch.is_done);
	CHECK_INT(watch.events, 2); /* ADDED, DELETED */
	/* The stream of all kinds has the new one, and goes on without it. */
	CHECK(all.status == 200 && !all.is_done);
	size_t before = all.events;
	api_rows_run(&w, define, ARRAY_LEN(define));
	api_rows_run(&w, end_it, 1);
	rest(&w, 100);
	CHECK(!all.is_done && all.events >= before + 3); /* definition, KIND, object */
	api_world_fini(&w);
}

static void expect_from(struct api_world *w, unsigned long long version, bool is_expired)
{
	struct api_answer a;
	auto_free char *target = xasprintf("/apis/skiff.dev/v1/metadata?watch=true&timeoutSeconds=1"
					   "&resourceVersion=%llu",
					   version);
	api_world_call(w, w->admin, "GET", target, NULL, NULL, NULL, 20000, &a);
	CHECK_INT(a.status, 200);
	CHECK_INT(strstr(a.body.data, "\"code\":410") != NULL, is_expired);
	api_answer_fini(&a);
}

/* Who was away while a kind went has not heard of the end of its objects: 410, and a new list. */
static void test_resumed(uint64_t seed)
{
	static const struct api_row begin[] = {
		{ "definition", 0, "POST", CRDS, CRD("lamps", "example.com", "Lamp", "", V1_STORED),
		  201, "" },
		{ "object", 0, "POST", V1, LAMP("a", ""), 201, "" },
	};
	static const struct api_row end_it[] = {
		{ "deleted", 0, "DELETE", CRDS "/lamps.example.com", 0, 200, "" },
	};
	struct api_world w;
	struct api_answer a;
	api_world_init(&w, seed);
	api_rows_run(&w, begin, ARRAY_LEN(begin));
	api_world_call(&w, w.admin, "GET", V1 "?limit=1", NULL, NULL, NULL, 20000, &a);
	static const char mark[] = "\"metadata\":{\"resourceVersion\":\"";
	const char *at = strstr(a.body.data, mark);
	CHECK(at);
	unsigned long long before = strtoull(at + strlen(mark), NULL, 10);
	api_answer_fini(&a);
	expect_from(&w, before, false);
	api_rows_run(&w, end_it, ARRAY_LEN(end_it));
	rest(&w, 3000);
	expect_from(&w, before, true);
	api_rows_run(&w, begin, ARRAY_LEN(begin));
	expect_from(&w, before, true);
	api_world_fini(&w);
}

/* ---- objects that workers compute while their definition changes ---- */

#define LARGE      (100u << 10)
#define CALLS      24
#define PER_CHANGE 4

static void test_large(uint64_t seed)
{
	static const struct api_row define[] = {
		{ "definition", 0, "POST", CRDS,
		  CRD("lamps", "example.com", "Lamp", "", V1_STORED "," V2_SERVED), 201, "" },
	};
	static const char *const changes[] = {
		"{\"spec\":{\"versions\":[" VERSION(
			"v1", "\"served\":true,\"storage\":false", PROPERTIES,
			STATUS_AND_SCALE) "," VERSION("v2", "\"served\":true,\"storage\":true",
						      PROPERTIES ",\"note\":{\"type\":\"string\"}",
						      "") "]}}",
		"{\"spec\":{\"versions\":[" V1_STORED "," V2_SERVED "]}}",
	};
	struct api_world w;
	struct call calls[CALLS] = { 0 }, change[CALLS / PER_CHANGE] = { 0 };
	api_world_init(&w, seed);
	memory_etcd_set_delay(w.etcd, 1, 9, seed);
	api_rows_run(&w, define, ARRAY_LEN(define));
	auto_free char *color = xcalloc(LARGE + 1, 1);
	memset(color, 'r', LARGE);
	for (size_t i = 0; i < CALLS; i++) {
		auto_free char *body = xasprintf(
			"{\"apiVersion\":\"example.com/v%d\",\"kind\":\"Lamp\",\"metadata\":{\"name\":\"l%zu\"},"
			"\"spec\":{\"color\":\"%s\"}}",
			i % 2 ? 1 : 2, i, color);
		start(&w, "POST", i % 2 ? V1 : V2, body, &calls[i]);
		if (i % PER_CHANGE == 0)
			start(&w, "PATCH", CRDS "/lamps.example.com", changes[i / PER_CHANGE % 2],
			      &change[i / PER_CHANGE]);
		rest(&w, (int64_t)(seed + i) % 5);
	}
	rest(&w, 20000);
	for (size_t i = 0; i < CALLS; i++) {
		CHECK(calls[i].is_done);
		CHECK_INT(calls[i].status, 201);
	}
	for (size_t i = 0; i < ARRAY_LEN(change); i++)
		CHECK_INT(change[i].status, 200);
	struct api_answer a;
	api_world_call(&w, w.admin, "GET", V1 "?fieldSelector=metadata.name%3Dl23", NULL, NULL,
		       NULL, 20000, &a);
	CHECK_INT(a.status, 200);
	CHECK(strstr(a.body.data, "\"watts\":40") && a.body.len > LARGE);
	api_answer_fini(&a);
	api_world_fini(&w);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		test_life(seed);
		test_servers(seed);
		test_derived(seed);
		test_left_behind(seed);
		test_watch(seed);
		test_resumed(seed);
		test_large(seed);
	}
	return 0;
}
