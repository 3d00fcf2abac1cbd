/* What is refused, and in which words: the original's answers to the same requests. */
#include "tests/support/api_world.h"
#include "tests/support/check.h"

#define CMS   "/api/v1/namespaces/default/configmaps"
#define APPS  "/apis/apps/v1/namespaces/default/deployments"
#define MERGE "application/merge-patch+json"
#define JSONP "application/json-patch+json"
#define SMART "application/strategic-merge-patch+json"
#define APPLY "application/apply-patch+yaml"
#define CM(name, more)                                                                             \
	"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"" name "\"}" more  \
	"}"
#define TIMEOUT(text) REFUSED("invalid timeout specified in the request URL - time: " text)
#define REFUSED(what) "\"message\":\"" what "\""
#define OPTIONS(kind, what)                                                                        \
	REFUSED(kind ".meta.k8s.io \\\"\\\" is invalid: " what),                                   \
		"\"group\":\"meta.k8s.io\",\"kind\":\"" kind "\",\"causes\":["
#define NOTHING "\"details\":{}"

struct row {
	const char *method, *target, *type, *accept, *body;
	int status;
	const char *has, *also;
};

static const struct row rows[] = {
	{ "POST", CMS, 0, 0, CM("c", ",\"data\":{\"a\":\"b\"}"), 201, "\"a\":\"b\"", 0 },
	/* What weighs nothing is still taken. */
	{ "GET", CMS "/c", 0, "application/json;q=0", 0, 200, "\"a\":\"b\"", 0 },
	{ "GET", CMS "/c", 0, "*/*;q=0", 0, 200, "\"a\":\"b\"", 0 },
	{ "GET", CMS "/c", 0, "application/json;q=x", 0, 200, "\"a\":\"b\"", 0 },
	{ "GET", CMS "/c", 0, "application/json;q=0,application/yaml;q=0.1", 0, 200, "a: b", 0 },
	/* options */
	{ "POST", CMS "?fieldValidation=Foo", 0, 0, CM("x", ""), 422,
	  OPTIONS("CreateOptions",
		  "fieldValidation: Unsupported value: \\\"Foo\\\": supported values: \\\"\\\", "
		  "\\\"Ignore\\\", \\\"Strict\\\", \\\"Warn\\\"") },
	{ "PUT", CMS "/c?dryRun=Foo", 0, 0, CM("c", ""), 422,
	  OPTIONS("UpdateOptions", "dryRun: Unsupported value: [\\\"Foo\\\"]: supported values: "
				   "\\\"All\\\"") },
	{ "POST", CMS "?fieldManager=a%01", 0, 0, CM("x", ""), 422,
	  REFUSED("CreateOptions.meta.k8s.io \\\"\\\" is invalid: fieldManager: Invalid value: "
		  "\\\"a\\\\u0001\\\": invalid character U+0001 (at position 1)"),
	  0 },
	{ "PATCH", CMS "/c?force=true", MERGE, 0, "{}", 422,
	  OPTIONS("PatchOptions", "force: Forbidden: may not be specified for non-apply patch") },
	{ "PATCH", CMS "/c", APPLY, 0, CM("c", ""), 422,
	  OPTIONS("PatchOptions", "fieldManager: Required value: is required for apply patch") },
	{ "DELETE", CMS "/c", 0, 0, "{\"propagationPolicy\":\"Foo\"}", 422,
	  OPTIONS("DeleteOptions",
		  "propagationPolicy: Unsupported value: \\\"Foo\\\": supported values: "
		  "\\\"Foreground\\\", \\\"Background\\\", \\\"Orphan\\\", \\\"nil\\\"") },
	{ "DELETE", CMS "/c", 0, 0, "{\"propagationPolicy\":\"Orphan\",\"orphanDependents\":true}",
	  422,
	  OPTIONS("DeleteOptions", "propagationPolicy: Invalid value: \\\"Orphan\\\": "
				   "orphanDependents and deletionPropagation cannot be both set") },
	{ "GET", CMS "?resourceVersionMatch=Exact", 0, 0, 0, 422,
	  OPTIONS("ListOptions", "resourceVersionMatch: Forbidden: resourceVersionMatch is "
				 "forbidden unless resourceVersion is provided") },
	{ "GET", CMS "?resourceVersion=1&resourceVersionMatch=Foo", 0, 0, 0, 422,
	  OPTIONS("ListOptions", "resourceVersionMatch: Unsupported value: \\\"Foo\\\": supported "
				 "values: \\\"Exact\\\", \\\"NotOlderThan\\\", \\\"\\\"") },
	{ "GET", CMS "?watch=true&sendInitialEvents=true", 0, 0, 0, 422,
	  OPTIONS("ListOptions", "resourceVersionMatch: Forbidden: sendInitialEvents requires "
				 "setting resourceVersionMatch to NotOlderThan") },
	{ "GET", CMS "?limit=x", 0, 0, 0, 400,
	  REFUSED("strconv.ParseInt: parsing \\\"x\\\": invalid syntax"), 0 },
	{ "GET", CMS "?timeoutSeconds=x", 0, 0, 0, 400, "strconv.ParseInt", 0 },
	{ "GET", CMS "?limit=", 0, 0, 0, 400,
	  REFUSED("strconv.ParseInt: parsing \\\"\\\": invalid syntax"), 0 },
	{ "GET", CMS "?limit=9223372036854775808", 0, 0, 0, 400,
	  REFUSED("strconv.ParseInt: parsing \\\"9223372036854775808\\\": value out of range"), 0 },
	{ "GET", CMS "?limit=9223372036854775807", 0, 0, 0, 200, "List", 0 },
	{ "GET", CMS "?timeout=1.5s", 0, 0, 0, 200, "List", 0 },
	{ "GET", CMS "?timeout=", 0, 0, 0, 200, "List", 0 },
	{ "GET", CMS "?timeout=-5s", 0, 0, 0, 200, "List", 0 },
	{ "GET", CMS "?timeout=3h", 0, 0, 0, 200, "List", 0 },
	{ "GET", CMS "?timeout=99999999h", 0, 0, 0, 400,
	  TIMEOUT("invalid duration \\\"99999999h\\\""), 0 },
	{ "GET", CMS "?timeout=x", 0, 0, 0, 400, TIMEOUT("invalid duration \\\"x\\\""), 0 },
	{ "GET", CMS "?timeout=.s", 0, 0, 0, 400, TIMEOUT("invalid duration \\\".s\\\""), 0 },
	{ "GET", CMS "?timeout=-", 0, 0, 0, 400, TIMEOUT("invalid duration \\\"-\\\""), 0 },
	{ "GET", "/version?timeout=1s1", 0, 0, 0, 400,
	  TIMEOUT("missing unit in duration \\\"1s1\\\""), 0 },
	{ "POST", CMS "?timeout=1h1sx", 0, 0, "{}", 400,
	  TIMEOUT("unknown unit \\\"sx\\\" in duration \\\"1h1sx\\\""), 0 },
	{ "GET", CMS "?resourceVersion=abc", 0, 0, 0, 400,
	  REFUSED("invalid resource version: resourceVersion: Invalid value: \\\"abc\\\": "
		  "strconv.ParseUint: parsing \\\"abc\\\": invalid syntax"),
	  0 },
	{ "GET", CMS "?limit=1&continue=abc", 0, 0, 0, 400,
	  "\"invalid continue token: continue key is not valid", 0 },
	/* what a patch makes of its object's type */
	{ "PATCH", CMS "/c", MERGE, 0, "{\"kind\":\"Secret\"}", 422,
	  ": converting (v1.Secret) to (core.ConfigMap): unknown conversion\"",
	  "\"field\":\"patch\"" },
	{ "PATCH", CMS "/c", MERGE, 0, "{\"apiVersion\":\"v2\"}", 422,
	  ": no kind \\\"ConfigMap\\\" is registered for version \\\"v2\\\" in scheme "
	  "\\\"pkg/runtime/scheme.go:111\\\"\"",
	  0 },
	{ "PATCH", CMS "/c?dryRun=All", SMART, 0, "{\"kind\":\"Secret\"}", 200,
	  "\"kind\":\"ConfigMap\"", 0 },
	{ "PATCH", CMS "/c?fieldManager=m", APPLY, 0,
	  "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"c\"}}", 400,
	  REFUSED("invalid object type: /v1, Kind=Secret"), 0 },
	{ "POST", CMS, 0, 0, "{\"kind\":1}", 400,
	  REFUSED("the object provided is unrecognized (must be of type ConfigMap): couldn't get "
		  "version/kind; json parse error: json: cannot unmarshal number into Go struct field "
		  ".kind of type string ({\\\"kind\\\":1})"),
	  0 },
	/* a strategic merge patch is converted, not decoded */
	{ "PATCH", CMS "/c", SMART, 0, "{\"data\":{\"a\":1}}", 422,
	  "Invalid value: \\\"map[data:map[a:1]]\\\": cannot convert int64 to string\"", 0 },
	{ "PATCH", CMS "/c", SMART, 0, "{\"data\":{\"a\":true}}", 422,
	  ": unrecognized type: string\"", 0 },
	{ "PATCH", CMS "/c", SMART, 0, "{\"data\":[]}", 422, ": cannot restore map from slice\"",
	  0 },
	{ "PATCH", CMS "/c", SMART, 0, "{\"metadata\":{\"finalizers\":\"x\"}}", 422,
	  ": cannot restore slice from string\"", 0 },
	{ "PATCH", CMS "/c", SMART, 0, "{\"immutable\":1}", 422, ": unrecognized type: bool\"", 0 },
	{ "PATCH", CMS "/c", SMART, 0, "{\"metadata\":{\"creationTimestamp\":1}}", 422,
	  ": json: cannot unmarshal number into Go value of type string\"", 0 },
	/* operations as the original's library has them */
	{ "PATCH", CMS "/c?dryRun=All", JSONP, 0,
	  "[{\"op\":\"copy\",\"from\":\"/data/none\",\"path\":\"/data/y\"}]", 200, "\"y\":\"\"",
	  0 },
	{ "PATCH", CMS "/c?dryRun=All", JSONP, 0,
	  "[{\"op\":\"move\",\"from\":\"/data/none\",\"path\":\"/data/y\"}]", 422, NOTHING, 0 },
	{ "PATCH", CMS "/c?dryRun=All", JSONP, 0,
	  "[{\"op\":\"add\",\"path\":\"/metadata/finalizers\",\"value\":[\"a.b/c\",\"a.b/d\"]},"
	  "{\"op\":\"add\",\"path\":\"/metadata/finalizers/-1\",\"value\":\"a.b/e\"},"
	  "{\"op\":\"remove\",\"path\":\"/metadata/finalizers/-3\"},"
	  "{\"op\":\"replace\",\"path\":\"/metadata/finalizers/-2\",\"value\":\"a.b/f\"}]",
	  200, "\"finalizers\":[\"a.b/f\",\"a.b/e\"]", 0 },
	{ "PATCH", CMS "/c?dryRun=All", JSONP, 0,
	  "[{\"op\":\"remove\",\"path\":\"/metadata/finalizers/-1\"}]", 422, NOTHING, 0 },
	{ "PATCH", CMS "/c?dryRun=All", JSONP, 0,
	  "[{\"op\":\"add\",\"path\":\"/data/x\",\"value\":\"1\",\"foo\":\"bar\"}]", 200,
	  "\"x\":\"1\"", "Warning: 299 - \"json patch unknown field \\\"[0].foo\\\"\"" },
	{ "PATCH", CMS "/c?dryRun=All", JSONP, 0,
	  "[{\"op\":\"add\",\"path\":\"data/a\",\"value\":\"q\"}]", 200, "\"a\":\"b\"",
	  "Warning: 299 - \"unknown field \\\"a\\\"\"" },
	/* what needs a version, and what cannot be less than nothing */
	{ "POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases", 0, 0,
	  "{\"metadata\":{\"name\":\"v\"}}", 201, "\"v\"", 0 },
	{ "PUT", "/apis/coordination.k8s.io/v1/namespaces/default/leases/v", 0, 0,
	  "{\"metadata\":{\"name\":\"v\"}}", 422,
	  REFUSED("leases.coordination.k8s.io \\\"v\\\" is invalid: metadata.resourceVersion: "
		  "Invalid value: 0: must be specified for an update"),
	  "\"kind\":\"leases\"" },
	/* names */
	{ "PUT", CMS "/c", 0, 0, "{\"metadata\":{}}", 400,
	  REFUSED("the name of the object (c based on URL) was undeterminable: name must be "
		  "provided"),
	  0 },
	{ "PATCH", CMS "/c", MERGE, 0, "{\"metadata\":{\"name\":\"z\"}}", 400,
	  REFUSED("the name of the object (z) does not match the name on the URL (c)"), 0 },
	{ "PATCH", CMS "/c", SMART, 0, "{\"metadata\":{\"namespace\":\"z\"}}", 400,
	  REFUSED("the namespace of the provided object does not match the namespace sent on the "
		  "request"),
	  0 },
	{ "PATCH", CMS "/c", MERGE, 0, "{\"metadata\":{\"uid\":\"z\"}}", 422,
	  REFUSED("ConfigMap \\\"c\\\" is invalid: metadata.uid: Invalid value: \\\"z\\\": field is "
		  "immutable"),
	  0 },
	{ "PUT", CMS "/c", 0, 0, "{\"metadata\":{\"name\":\"c\",\"resourceVersion\":\"x1\"}}", 500,
	  REFUSED("strconv.ParseUint: parsing \\\"x1\\\": invalid syntax"), 0 },
	{ "POST", CMS, 0, 0, "{\"metadata\":{\"generateName\":\"G_\"}}", 422,
	  "metadata.generateName: Invalid value: \\\"G_\\\": a lowercase RFC 1123 subdomain",
	  "metadata.name: Invalid value: \\\"G_" },
	{ "POST", CMS, 0, 0, "{\"metadata\":{\"name\":\"f\",\"finalizers\":[\"x\",\"a.b/c\"]}}",
	  422,
	  REFUSED("ConfigMap \\\"f\\\" is invalid: metadata.finalizers[0]: Invalid value: \\\"x\\\": "
		  "name is neither a standard finalizer name nor is it fully qualified"),
	  0 },
	{ "POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases?dryRun=All", 0, 0,
	  "{\"metadata\":{\"name\":\"f\",\"finalizers\":[\"x\"]}}", 201, "\"x\"", 0 },
	{ "POST", CMS "?dryRun=All", 0, 0,
	  "{\"metadata\":{\"name\":\"f\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\","
	  "\"name\":\"x\",\"uid\":\"1\"},{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"x\","
	  "\"uid\":\"1\"}]}}",
	  201, "\"uid\":\"1\"}]",
	  "Warning: 299 - \".metadata.ownerReferences contains duplicate entries; API server dedups "
	  "owner references in 1.20+, and may reject such requests as early as 1.24; please fix your "
	  "requests; duplicate UID(s) observed: 1\"" },
	{ "POST", CMS "?dryRun=All", 0, 0, CM("never", ""), 201, "\"metadata\":{\"name\":\"never\"",
	  0 },
	{ "DELETE", CMS "/c", 0, 0, "{\"preconditions\":{\"resourceVersion\":\"1\"}}", 409,
	  "\"Operation cannot be fulfilled on ConfigMap \\\"c\\\": the ResourceVersion in the "
	  "precondition (1) does not match the ResourceVersion in record (",
	  "\"kind\":\"ConfigMap\"}" },
	/* bodies and patches */
	{ "POST", CMS, 0, 0, "{\"metadata\":{\"name\":\"x\"},\"data\":{", 400,
	  REFUSED("the object provided is unrecognized (must be of type ConfigMap): couldn't get "
		  "version/kind; json parse error: unexpected end of JSON input "
		  "({\\\"metadata\\\":{\\\"name\\\":\\\"x\\\"},\\\"data ...)"),
	  0 },
	{ "POST", CMS, 0, 0, "[]", 400, "\\\" } (5b5d)\"", "cannot unmarshal array into Go value" },
	{ "PATCH", CMS "/c", JSONP, 0, "{}", 400,
	  REFUSED("error decoding patch: json: cannot unmarshal object into Go value of type "
		  "[]handlers.jsonPatchOp"),
	  0 },
	{ "PATCH", CMS "/c", MERGE, 0, "{", 400,
	  REFUSED("error decoding patch: unexpected end of JSON input"), 0 },
	{ "PATCH", CMS "/c", SMART, 0, "[]", 400,
	  REFUSED("json: cannot unmarshal array into Go value of type map[string]interface {}"),
	  0 },
	{ "PATCH", CMS "/c", JSONP, 0, "[{\"op\":\"test\",\"path\":\"/data/a\",\"value\":\"x\"}]",
	  422, REFUSED("the server rejected our request due to an error in our request"), NOTHING },
	{ "PATCH", CMS "/c", JSONP, 0, "[{\"op\":\"foo\",\"path\":\"/data/a\"}]", 422,
	  REFUSED("the server rejected our request due to an error in our request"), NOTHING },
	{ "PATCH", CMS "/c?fieldValidation=Strict", MERGE, 0, "{\"foo\":\"1\"}", 422,
	  "\"message\":\" \\\"\\\" is invalid: patch: Invalid value: "
	  "\\\"{\\\\\\\"apiVersion\\\\\\\":\\\\\\\"v1\\\\\\\",\\\\\\\"data\\\\\\\":{"
	  "\\\\\\\"a\\\\\\\":\\\\\\\"b\\\\\\\"},\\\\\\\"foo\\\\\\\":\\\\\\\"1\\\\\\\",",
	  "strict decoding error: unknown field \\\"foo\\\"\"" },
	{ "PATCH", CMS "/c?fieldValidation=Strict", SMART, 0,
	  "{\"foo\":1,\"data\":{\"x\":\"y\",\"x\":\"z\"}}", 422,
	  REFUSED(" \\\"\\\" is invalid: patch: Invalid value: \\\"map[data:map[x:z] foo:1]\\\": "
		  "strict decoding error: duplicate field \\\"data.x\\\", unknown field \\\"foo\\\""),
	  0 },
	{ "PATCH", CMS "/c?dryRun=All", MERGE, 0, "{\"data\":{\"x\":\"y\",\"x\":\"z\"}}", 200,
	  "Warning: 299 - \"duplicate field \\\"data.x\\\"\"", 0 },
	{ "PATCH", CMS "/c?fieldManager=x&fieldValidation=Ignore", APPLY, 0, CM("c", ",\"foo\":1"),
	  500,
	  REFUSED("failed to create typed patch object (/c; /v1, Kind=ConfigMap): .foo: field not "
		  "declared in schema"),
	  0 },
	{ "PATCH", APPS "/d?fieldManager=x", APPLY, 0,
	  "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"namespace\":\"default\"},"
	  "\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"baz\":1}]}}}}",
	  500,
	  REFUSED("failed to create typed patch object (default/; apps/v1, Kind=Deployment): "
		  ".spec.template.spec.containers[name=\\\"c\\\"].baz: field not declared in schema"),
	  0 },
	{ "PATCH", CMS "/c", "application/json", 0, "{}", 415,
	  REFUSED("415: Unsupported Media Type"), NOTHING },
	/* what is accepted */
	{ "GET", CMS "/c", 0, "text/html", 0, 406,
	  REFUSED("406: Not Acceptable\\n\\nAvailable representations: application/json, "
		  "application/yaml, application/vnd.kubernetes.protobuf"),
	  NOTHING },
	{ "GET", CMS, 0, "text/html", 0, 406,
	  "protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch\"",
	  0 },
	{ "GET", CMS "/c", 0, "application/json;as=Foo;v=v1;g=meta.k8s.io", 0, 406,
	  REFUSED("only the following media types are accepted: application/json, application/yaml, "
		  "application/vnd.kubernetes.protobuf"),
	  0 },
	{ "GET", CMS, 0, "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", 0, 406,
	  REFUSED("you requested PartialObjectMetadata, but the requested object is a list "
		  "(*core.ConfigMapList)"),
	  0 },
	{ "GET", CMS "/c", 0, "application/yaml", 0, 200, "creationTimestamp: \"2", 0 },
	/* paths: nobody deletes the pods of all namespaces at once */
	{ "DELETE", "/api/v1/configmaps", 0, 0, 0, 405,
	  REFUSED("the server does not allow this method on the requested resource"), NOTHING },
	{ "POST", "/api/v1/configmaps", 0, 0, CM("x", ""), 405, "does not allow", NOTHING },
	{ "HEAD", CMS "/c", 0, 0, 0, 405, "", 0 },
	{ "GET", "/api/v1/configmaps/c", 0, 0, 0, 404, "could not find the requested resource",
	  NOTHING },
	{ "GET", "/api/v1/watch/namespaces/default/configmaps/c?timeoutSeconds=1", 0, 0, 0, 200,
	  "\"type\":\"ADDED\"", 0 },
	{ "GET", "/api/v1/watch/configmaps?timeoutSeconds=1", 0, 0, 0, 200, "\"type\":\"ADDED\"",
	  0 },
	/* selectors */
	{ "GET", CMS "?labelSelector=a%3D%3D%3Db", 0, 0, 0, 400,
	  REFUSED("unable to parse requirement: found '=', expected: identifier"), 0 },
	{ "GET", CMS "?labelSelector=a%20in%20b", 0, 0, 0, 400,
	  REFUSED("unable to parse requirement: found 'b' expected: '('"), 0 },
	{ "GET", CMS "?labelSelector=!", 0, 0, 0, 400,
	  REFUSED("unable to parse requirement: found '', expected: identifier"), 0 },
	{ "GET", CMS "?labelSelector=a%20b", 0, 0, 0, 400,
	  REFUSED("unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
	  0 },
	{ "GET", CMS "?labelSelector=a%3Db,", 0, 0, 0, 400,
	  REFUSED("found '', expected: identifier after ','"), 0 },
	{ "GET", CMS "?labelSelector=a%20in%20(b%20c)", 0, 0, 0, 400,
	  REFUSED("unable to parse requirement: found 'c', expected: ',' or ')'"), 0 },
	{ "GET", CMS "?labelSelector=(a)", 0, 0, 0, 400,
	  REFUSED("found '(', expected: !, identifier, or 'end of string'"), 0 },
	{ "GET", CMS "?labelSelector=a<x", 0, 0, 0, 400,
	  REFUSED("unable to parse requirement: values[0]: Invalid value: \\\"x\\\": for 'Gt', 'Lt' "
		  "operators, the value must be an integer"),
	  0 },
	{ "GET", CMS "?labelSelector=a%3Db*c", 0, 0, 0, 400,
	  "\"unable to parse requirement: values[0][a]: Invalid value: \\\"b*c\\\": a valid label must",
	  0 },
	{ "GET", CMS "?labelSelector=a/b/c", 0, 0, 0, 400,
	  "\"unable to parse requirement: <nil>: Invalid value: \\\"a/b/c\\\": a valid label key must",
	  0 },
	{ "PATCH", CMS "/c", MERGE, 0, "{\"metadata\":{\"labels\":{\"n\":\"7\",\"in\":\"notin\"}}}",
	  200, "", 0 },
	{ "GET", CMS "?labelSelector=n>6,n<8,in%20in%20(in,notin)", 0, 0, 0, 200, "\"n\":\"7\"",
	  0 },
	{ "GET", CMS "?labelSelector=n>7", 0, 0, 0, 200, "\"items\":[]", 0 },
};

int main(void)
{
	struct api_world w;
	api_world_init(&w, 3);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct api_answer a;
		AUTO_STR whole;
		api_world_call(&w, w.admin, r->method, r->target, r->type, r->accept, r->body, 5000,
			       &a);
		str_init(&whole, 1 << 20);
		str_addf(&whole, "%s\n%s", a.headers.data ? a.headers.data : "",
			 a.body.data ? a.body.data : "");
		bool good = a.status == r->status && strstr(whole.data, r->has) &&
			    (!r->also || strstr(whole.data, r->also));
		if (!good) {
			fprintf(stderr, "row %zu, %s %s: got %d\n%s\nwanted %d\n%s\n%s\n", i,
				r->method, r->target, a.status, whole.data, r->status, r->has,
				r->also ? r->also : "");
			return 1;
		}
		api_answer_fini(&a);
	}
	api_world_fini(&w);
	return 0;
}
