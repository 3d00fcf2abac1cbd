/*
 * Evictions: what a budget's status says is taken from, once a pod; who may go without; the exact
 * words of a refusal. And the one transaction, when two come at the same time.
 */
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define NS   "/api/v1/namespaces/default"
#define PDBS "/apis/policy/v1/namespaces/default/poddisruptionbudgets"

#define POD(name, app)                                                                             \
	"{\"metadata\":{\"name\":\"" name "\",\"labels\":{\"app\":\"" app                          \
	"\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"
#define PHASE(phase, ready)                                                                        \
	"{\"status\":{\"phase\":\"" phase                                                          \
	"\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"
#define EVICT(name, options)                                                                       \
	"{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"" name       \
	"\",\"namespace\":\"default\"}" options "}"
#define PDB(name, app, more)                                                                       \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"minAvailable\":1,\"selector\":{"        \
	"\"matchLabels\":{\"app\":\"" app "\"}}" more "}}"
#define STATUS(seen, allowed, current, desired)                                                    \
	"{\"status\":{\"observedGeneration\":" seen ",\"disruptionsAllowed\":" allowed             \
	",\"currentHealthy\":" current ",\"desiredHealthy\":" desired ",\"expectedPods\":3}}"
#define BIND(pod) "{\"metadata\":{\"name\":\"" pod "\"},\"target\":{\"name\":\"n\"}}"

static const struct api_row rows[] = {
	{ "account", 0, "POST", NS "/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}", 201,
	  "" },
	{ "a", 0, "POST", NS "/pods", POD("a", "web"), 201, "" },
	{ "b", 0, "POST", NS "/pods", POD("b", "web"), 201, "" },
	{ "c", 0, "POST", NS "/pods", POD("c", "web"), 201, "" },
	{ "a runs on a node", 0, "POST", NS "/pods/a/binding", BIND("a"), 201, "" },
	{ "b too", 0, "POST", NS "/pods/b/binding", BIND("b"), 201, "" },
	{ "and c", 0, "POST", NS "/pods/c/binding", BIND("c"), 201, "" },
	{ "a is ready", 0, "PATCH", NS "/pods/a/status", PHASE("Running", "True"), 200, "" },
	{ "b is ready", 0, "PATCH", NS "/pods/b/status", PHASE("Running", "True"), 200, "" },
	{ "c is not", 0, "PATCH", NS "/pods/c/status", PHASE("Running", "False"), 200, "" },
	{ "a budget", 0, "POST", PDBS, PDB("web", "web", ""), 201, "\"generation\":1" },

	{ "not counted yet", 0, "POST", NS "/pods/a/eviction", EVICT("a", ""), 429,
	  "Retry-After: 10 & \"message\":\"Cannot evict pod as it would violate the pod's disruption "
	  "budget.\",\"reason\":\"TooManyRequests\" & \"reason\":\"DisruptionBudget\",\"message\":\"The "
	  "disruption budget web is still being processed by the server.\" & \"retryAfterSeconds\":10" },
	{ "counted", 0, "PATCH", PDBS "/web/status", STATUS("1", "0", "1", "1"), 200, "" },
	{ "none to spare", 0, "POST", NS "/pods/a/eviction", EVICT("a", ""), 429,
	  "The disruption budget web needs 1 healthy pods and has 1 currently & !Retry-After & "
	  "!retryAfterSeconds" },
	{ "who is not ready may go", 0, "POST", NS "/pods/c/eviction?dryRun=All", EVICT("c", ""),
	  201, "\"status\":\"Success\"" },
	{ "not while too few are", 0, "PATCH", PDBS "/web/status", STATUS("1", "0", "0", "1"), 200,
	  "" },
	{ "so", 0, "POST", NS "/pods/c/eviction", EVICT("c", ""), 429,
	  "needs 1 healthy pods and has 0 currently" },
	{ "but by policy", 0, "PATCH", PDBS "/web",
	  "{\"spec\":{\"unhealthyPodEvictionPolicy\":\"AlwaysAllow\"}}", 200, "\"generation\":2" },
	{ "whatever is counted", 0, "POST", NS "/pods/c/eviction?dryRun=All", EVICT("c", ""), 201,
	  "" },
	{ "a failed count", 0, "PATCH", PDBS "/web/status",
	  "{\"status\":{\"observedGeneration\":2,\"conditions\":[{\"type\":\"DisruptionAllowed\",\"status\":"
	  "\"False\",\"reason\":\"SyncFailed\",\"message\":\"found no controllers for pod \\\"a\\\"\","
	  "\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}",
	  200, "" },
	{ "is told", 0, "POST", NS "/pods/a/eviction", EVICT("a", ""), 429,
	  "does not allow evicting pods currently because it failed sync: found no controllers for pod" },
	{ "one to spare", 0, "PATCH", PDBS "/web/status",
	  "{\"status\":{\"observedGeneration\":2,\"disruptionsAllowed\":1,\"currentHealthy\":2,"
	  "\"desiredHealthy\":1,\"expectedPods\":3,\"conditions\":[{\"type\":\"DisruptionAllowed\","
	  "\"status\":\"True\",\"reason\":\"SufficientPods\",\"message\":\"\",\"observedGeneration\":2,"
	  "\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}",
	  200, "" },
	{ "only tried", 0, "POST", NS "/pods/a/eviction",
	  EVICT("a", ",\"deleteOptions\":{\"dryRun\":"
		     "[\"All\"]}"),
	  201, "Success" },
	{ "takes nothing", 0, "GET", PDBS "/web", 0, 200,
	  "\"disruptionsAllowed\":1 & !disruptedPods" },
	{ "of another name", 0, "POST", NS "/pods/a/eviction", EVICT("b", ""), 400,
	  "name in URL does not match name in Eviction object" },
	{ "of nobody", 0, "POST", NS "/pods/none/eviction", EVICT("none", ""), 404,
	  "pods \\\"none\\\" not found" },
	{ "another pod of that name", 0, "POST", NS "/pods/a/eviction",
	  EVICT("a", ",\"deleteOptions\":{\"preconditions\":{\"uid\":\"x\"}}"), 409,
	  "Operation cannot be fulfilled on Pod \\\"a\\\": the UID in the precondition (x) does not match "
	  "the UID in record ( & The object might have been deleted and then recreated" },
	{ "another state of it", 0, "POST", NS "/pods/a/eviction",
	  EVICT("a", ",\"deleteOptions\":{\"preconditions\":{\"resourceVersion\":\"7\"}}"), 409,
	  "the ResourceVersion in the precondition (7) does not match the ResourceVersion in record ( & "
	  "The object might have been modified" },
	{ "evicted", 0, "POST", NS "/pods/a/eviction", EVICT("a", ""), 201,
	  "\"status\":\"Success\" & \"code\":201" },
	{ "it stops, and says why", 0, "GET", NS "/pods/a", 0, 200,
	  "deletionTimestamp & \"type\":\"DisruptionTarget\",\"status\":\"True\" & "
	  "\"reason\":\"EvictionByEvictionAPI\",\"message\":\"Eviction API: evicting\"" },
	{ "it was taken", 0, "GET", PDBS "/web", 0, 200,
	  "\"disruptionsAllowed\":0 & \"disruptedPods\":{\"a\":\"20 & \"reason\":\"InsufficientPods\" & "
	  "\"status\":\"False\"" },
	{ "once", 0, "POST", NS "/pods/b/eviction", EVICT("b", ""), 429,
	  "The disruption budget web does not allow evicting pods currently" },
	{ "who stops may be told again", 0, "POST", NS "/pods/a/eviction", EVICT("a", ""), 201,
	  "" },
	{ "and takes no more", 0, "GET", PDBS "/web", 0, 200, "\"disruptionsAllowed\":0" },

	{ "who has not begun", 0, "POST", NS "/pods", POD("p", "web"), 201, "" },
	{ "may go", 0, "POST", NS "/pods/p/eviction", EVICT("p", ""), 201, "" },
	{ "at once", 0, "GET", NS "/pods/p", 0, 404, "" },
	{ "who has ended", 0, "PATCH", NS "/pods/c/status", PHASE("Failed", "False"), 200, "" },
	{ "may go", 0, "POST", NS "/pods/c/eviction", EVICT("c", ""), 201, "" },
	{ "two budgets", 0, "POST", PDBS, PDB("all", "web", ""), 201, "" },
	{ "are one too many", 0, "POST", NS "/pods/b/eviction", EVICT("b", ""), 500,
	  "\"message\":\"This pod has more than one PodDisruptionBudget, which the eviction subresource "
	  "does not support.\" & \"code\":500 & !\"reason\"" },
	{ "one less", 0, "DELETE", PDBS "/web", 0, 200, "" },
	{ "a broken count", 0, "PATCH", PDBS "/all/status", STATUS("1", "1", "3", "1"), 200, "" },
	{ "others' pods are free", 0, "POST", NS "/pods", POD("o", "other"), 201, "" },
	{ "bound", 0, "POST", NS "/pods/o/binding", BIND("o"), 201, "" },
	{ "ready", 0, "PATCH", NS "/pods/o/status", PHASE("Running", "True"), 200, "" },
	{ "go", 0, "POST", NS "/pods/o/eviction", EVICT("o", ""), 201, "" },
	{ "untouched", 0, "GET", PDBS "/all", 0, 200, "\"disruptionsAllowed\":1" },
	{ "no other verb", 0, "GET", NS "/pods/b/eviction", 0, 405, "" },
};

/* The budget of one is not given out twice, when both ask before either is written. */
static void race(void)
{
	struct api_world w;
	api_world_init(&w, 2);
	static const struct api_row setting[] = {
		{ "account", 0, "POST", NS "/serviceaccounts",
		  "{\"metadata\":{\"name\":\"default\"}}", 201, "" },
		{ "a", 0, "POST", NS "/pods", POD("a", "web"), 201, "" },
		{ "b", 0, "POST", NS "/pods", POD("b", "web"), 201, "" },
		{ "on", 0, "POST", NS "/pods/a/binding", BIND("a"), 201, "" },
		{ "on", 0, "POST", NS "/pods/b/binding", BIND("b"), 201, "" },
		{ "ready", 0, "PATCH", NS "/pods/a/status", PHASE("Running", "True"), 200, "" },
		{ "ready", 0, "PATCH", NS "/pods/b/status", PHASE("Running", "True"), 200, "" },
		{ "budget", 0, "POST", PDBS, PDB("web", "web", ""), 201, "" },
		{ "one", 0, "PATCH", PDBS "/web/status", STATUS("1", "1", "2", "1"), 200, "" },
	};
	api_rows_run(&w, setting, ARRAY_LEN(setting));
	struct api_world second;
	api_world_join(&second, 3, &(struct server_options){ 0 }, &w);
	struct api_pending one, other;
	api_world_ask(&w, "POST", NS "/pods/a/eviction", EVICT("a", ""), &one);
	api_world_ask(&second, "POST", NS "/pods/b/eviction", EVICT("b", ""), &other);
	loop_sim_run_until(w.loop, loop_now_ms(w.loop) + 5000);
	CHECK_INT(MIN(one.status, other.status), 201);
	CHECK_INT(MAX(one.status, other.status), 429);

	/* A budget that only the other server has seen made. */
	static const struct api_row later[] = {
		{ "no budget", 0, "DELETE", PDBS "/web", 0, 200, "" },
		{ "c", 0, "POST", NS "/pods", POD("c", "web"), 201, "" },
		{ "on", 0, "POST", NS "/pods/c/binding", BIND("c"), 201, "" },
		{ "ready", 0, "PATCH", NS "/pods/c/status", PHASE("Running", "True"), 200, "" },
		{ "another budget", 0, "POST", PDBS, PDB("new", "web", ""), 201, "" },
	};
	static const struct api_row evicted = { "at once",
						0,
						"POST",
						NS "/pods/c/eviction",
						EVICT("c", ""),
						429,
						"still being processed" };
	api_rows_run(&w, later, ARRAY_LEN(later));
	api_rows_run(&second, &evicted, 1);
	api_world_fini(&second);
	api_world_fini(&w);
}

int main(void)
{
	struct api_world w;
	api_world_init(&w, 1);
	api_rows_run(&w, rows, ARRAY_LEN(rows));
	api_world_fini(&w);
	race();
	return 0;
}
