/* Which states count as ready, which as stuck or failed, and the words for them. */
#include "cli/ready_plan.h"
#include "tests/support/check.h"

/* JSON with ' for ". */
static json_t *json_of(const char *text)
{
	struct error err;
	json_t *tree = NULL;
	auto_free char *copy = xstrdup(text);
	for (char *p = copy; *p; p++)
		*p = (char)(*p == '\'' ? '"' : *p);
	if (json_parse(copy, strlen(copy), &tree, &err) < 0) {
		fprintf(stderr, "%s: %s\n", text, err.text);
		exit(1);
	}
	return tree;
}

#define BOUND(statuses)                                                                            \
	"{'metadata':{'name':'p'},'spec':{'nodeName':'n','restartPolicy':'Always'},"               \
	"'status':{'phase':'Running','containerStatuses':[" statuses "]}}"
#define NEVER(phase, statuses)                                                                     \
	"{'metadata':{'name':'p'},'spec':{'nodeName':'n','restartPolicy':'Never'},"                \
	"'status':{'phase':'" phase "','containerStatuses':[" statuses "]}}"
#define DEPLOYMENT(observed, counts, conditions)                                                   \
	"{'metadata':{'name':'d','generation':2},'spec':{'replicas':2},"                           \
	"'status':{'observedGeneration':" observed "," counts "'conditions':[" conditions "]}}"
#define CRASHED(restarts)                                                                          \
	"{'name':'c','restartCount':" restarts ",'ready':false,"                                   \
	"'state':{'waiting':{'reason':'CrashLoopBackOff'}},"                                       \
	"'lastState':{'terminated':{'exitCode':3}}}"
#define READY "'replicas':2,'updatedReplicas':2,'availableReplicas':2,"
#define WAITS(reason)                                                                              \
	"{'type':'DependenciesReady','status':'False','reason':'" reason                           \
	"','message':'waiting for Deployment/db (0/1 ready)'}"

static const struct row {
	const char *name, *kind, *object, *pod, *want; /* "state text [culprit]" */
} rows[] = {
	{ "config map", "ConfigMap", "{}", NULL, "ready there" },
	{ "pod without node", "Pod", "{'metadata':{'name':'p'}}", NULL,
	  "waiting waiting for a node" },
	{ "no node takes it", "Pod",
	  "{'status':{'conditions':[{'type':'PodScheduled','status':'False','reason':"
	  "'Unschedulable','message':'0/1 nodes: memory'}]}}",
	  NULL, "stuck no node takes it: 0/1 nodes: memory" },
	{ "gated pod", "Pod", "{'status':{'conditions':[" WAITS("DependenciesPending") "]}}", NULL,
	  "waiting waiting for Deployment/db (0/1 ready)" },
	{ "creating", "Pod",
	  BOUND("{'name':'c','state':{'waiting':{'reason':'ContainerCreating'}}}"), NULL,
	  "waiting starting" },
	{ "pulling", "Pod",
	  BOUND("{'name':'c','state':{'waiting':{'reason':'ContainerCreating',"
		"'message':'pulling image \\\"x:1\\\"'}}}"),
	  NULL, "waiting pulling image \"x:1\"" },
	{ "init container pulls", "Pod",
	  BOUND("{'name':'c','state':{'waiting':{'reason':'PodInitializing',"
		"'message':'pulling image i'}}}"),
	  NULL, "waiting pulling image i" },
	{ "a volume is missing", "Pod",
	  BOUND("{'name':'c','state':{'waiting':{'reason':'ContainerCreating',"
		"'message':'configmap \\\"m\\\" not found'}}}"),
	  NULL, "stuck configmap \"m\" not found" },
	{ "not ready yet", "Pod", BOUND("{'name':'c','ready':false,'state':{'running':{}}}"), NULL,
	  "waiting container c runs, but is not ready yet" },
	{ "crash", "Pod", BOUND(CRASHED("1")), NULL,
	  "stuck container c: exit code 3, restarted 1 time [p c previous]" },
	{ "crash without end", "Pod", BOUND(CRASHED("5")), NULL,
	  "failed container c: exit code 3, restarted 5 times [p c previous]" },
	{ "out of memory", "Pod",
	  BOUND("{'name':'c','ready':false,'state':{'terminated':{'exitCode':137,"
		"'reason':'OOMKilled'}}}"),
	  NULL, "stuck container c: exit code 137 (out of memory) [p c]" },
	{ "never again", "Pod",
	  NEVER("Failed", "{'name':'c','state':{'terminated':{'exitCode':4}}}"), NULL,
	  "failed container c: exit code 4 [p c]" },
	{ "evicted", "Pod",
	  "{'status':{'phase':'Failed','reason':'Evicted','message':'low on disk'}}", NULL,
	  "failed failed: low on disk" },
	{ "completed", "Pod", NEVER("Succeeded", ""), NULL, "ready completed" },
	{ "no image", "Pod",
	  BOUND("{'name':'c','image':'x:1','state':{'waiting':{'reason':'ImagePullBackOff',"
		"'message':'Back-off pulling: failed to pull and unpack image \\\"x:1\\\": "
		"not found'}}}"),
	  NULL, "stuck image x:1 cannot be had: not found" },
	{ "bad image name", "Pod",
	  BOUND("{'name':'c','image':'X!','state':{'waiting':{'reason':'InvalidImageName'}}}"),
	  NULL, "failed image X! cannot be had" },
	{ "config missing", "Pod",
	  BOUND("{'name':'c','state':{'waiting':{'reason':'CreateContainerConfigError',"
		"'message':'configmap \\\"x\\\" not found'}}}"),
	  NULL, "stuck container c: CreateContainerConfigError: configmap \"x\" not found" },
	{ "the worst container speaks", "Pod",
	  BOUND("{'name':'a','ready':false,'state':{'running':{}}}," CRASHED("2")), NULL,
	  "stuck container c: exit code 3, restarted 2 times [p c previous]" },
	{ "not seen yet", "Deployment", DEPLOYMENT("1", READY, ""), NULL, "waiting accepted" },
	{ "ready", "Deployment", DEPLOYMENT("2", READY, ""), NULL, "ready 2/2 ready" },
	{ "waits for others", "Deployment", DEPLOYMENT("2", READY, WAITS("DependenciesPending")),
	  NULL, "waiting waiting for Deployment/db (0/1 ready)" },
	{ "waits for what failed", "Deployment", DEPLOYMENT("2", READY, WAITS("DependencyFailed")),
	  NULL, "stuck waiting for Deployment/db (0/1 ready)" },
	{ "cycle", "Deployment", DEPLOYMENT("2", READY, WAITS("DependencyCycle")), NULL,
	  "failed waiting for Deployment/db (0/1 ready)" },
	{ "updating", "Deployment",
	  DEPLOYMENT("2", "'replicas':3,'updatedReplicas':1,'availableReplicas':2,", ""), NULL,
	  "waiting 1/2 updated" },
	{ "old ones stop", "Deployment",
	  DEPLOYMENT("2", "'replicas':3,'updatedReplicas':2,'availableReplicas':2,", ""), NULL,
	  "waiting 2/2 updated, 1 of the old revision still there" },
	{ "its pod crashes", "Deployment",
	  DEPLOYMENT("2", "'replicas':2,'updatedReplicas':2,'availableReplicas':1,", ""),
	  BOUND(CRASHED("1")),
	  "stuck 1/2 ready: container c: exit code 3, restarted 1 time [p c previous]" },
	{ "deadline", "Deployment",
	  DEPLOYMENT("2", "'replicas':2,'updatedReplicas':2,'availableReplicas':1,",
		     "{'type':'Progressing','status':'False',"
		     "'reason':'ProgressDeadlineExceeded'}"),
	  NULL, "failed 1/2 ready; its progress deadline has passed" },
	{ "pods cannot be made", "Deployment",
	  DEPLOYMENT("2", "'replicas':0,",
		     "{'type':'ReplicaFailure','status':'True','message':'quota'}"),
	  NULL, "stuck 0/2 updated: quota" },
	{ "scaled to none", "Deployment",
	  "{'metadata':{'generation':1},'spec':{'replicas':0},'status':{'observedGeneration':1}}",
	  NULL, "ready 0/0 ready" },
	{ "being deleted", "Deployment",
	  "{'metadata':{'deletionTimestamp':'2026-01-01T00:00:00Z'}}", NULL,
	  "failed is being deleted" },
	{ "job runs", "Job", "{'spec':{'completions':2},'status':{'succeeded':1}}", NULL,
	  "waiting 1/2 completed" },
	{ "job is done", "Job", "{'status':{'conditions':[{'type':'Complete','status':'True'}]}}",
	  NULL, "ready completed" },
	{ "job failed", "Job",
	  "{'status':{'conditions':[{'type':'Failed','status':'True','message':'too often'}]}}",
	  NEVER("Failed", "{'name':'c','state':{'terminated':{'exitCode':4}}}"),
	  "failed failed: too often; container c: exit code 4 [p c]" },
	{ "job tries again", "Job", "{'spec':{'completions':1}}",
	  NEVER("Failed", "{'name':'c','state':{'terminated':{'exitCode':4}}}"),
	  "stuck 0/1 completed: container c: exit code 4 [p c]" },
	{ "suspended", "Job", "{'spec':{'suspend':true}}", NULL, "stuck suspended" },
	{ "namespace", "Namespace", "{'status':{'phase':'Active'}}", NULL, "ready active" },
	{ "nothing is known", "Deployment", "{}", NULL, "waiting 0/1 updated" },
	{ "wrong types", "Pod", "{'status':{'phase':5,'containerStatuses':7}}", NULL,
	  "waiting waiting for a node" },
};

static void show(const struct row *r, struct str *out)
{
	static const char *const states[READY_STATE_COUNT] = { "ready", "waiting", "stuck",
							       "failed" };
	AUTO_JSON *object = json_of(r->object), *pod = r->pod ? json_of(r->pod) : NULL;
	const json_t *pods[] = { pod };
	struct ready_culprit c;
	AUTO_STR text;
	str_init(&text, 4096);
	enum ready_state state = ready_plan(r->kind, object, pods, pod ? 1 : 0, &text, &c);
	str_addf(out, "%s %s", states[state], text.data);
	if (c.pod[0])
		str_addf(out, " [%s %s%s]", c.pod, c.container, c.is_previous ? " previous" : "");
}

static void test_settle(void)
{
	static const struct {
		const char *name, *spec, *status;
		long long want;
	} settles[] = {
		{ "just started", "{'containers':[{}]}",
		  "{'state':{'running':{'startedAt':'2026-01-01T00:00:00Z'}}}", 2000 },
		{ "with a probe", "{'containers':[{'readinessProbe':{}}]}",
		  "{'state':{'running':{'startedAt':'2026-01-01T00:00:00Z'}}}", 0 },
		{ "long ago", "{'containers':[{}]}",
		  "{'state':{'running':{'startedAt':'2025-12-31T23:00:00Z'}}}", 0 },
		{ "has crashed", "{'containers':[{}]}",
		  "{'state':{'running':{'startedAt':'2025-12-31T23:59:45Z'}},"
		  "'lastState':{'terminated':{'exitCode':1}}}",
		  12000 },
	};
	for (size_t i = 0; i < ARRAY_LEN(settles); i++) {
		auto_free char *text = xasprintf("{'spec':%s,'status':{'containerStatuses':[%s]}}",
						 settles[i].spec, settles[i].status);
		AUTO_JSON *pod = json_of(text);
		const json_t *pods[] = { pod };
		long long got = ready_settle_ms(pods, 1, (int64_t)1767225601 * 1000000);
		if (got != settles[i].want)
			fprintf(stderr, "%s:\n", settles[i].name);
		CHECK_INT(got, settles[i].want);
	}
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_STR out;
		str_init(&out, 8192);
		show(&rows[i], &out);
		CHECK_TEXT(rows[i].name, out.data, rows[i].want);
	}
	test_settle();
	return 0;
}
