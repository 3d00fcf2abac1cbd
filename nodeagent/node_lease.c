#include "nodeagent/node_lease.h"

#include "common/base/time_text.h"
#include "nodeagent/pod.h"

#define LEASE_MS  10000
#define LEASE_S   40
#define RETRY_MS  1000
#define ANSWER_MS 5000 /* a connection that died unseen must not cost the lease */

static const struct api_resource leases = { "coordination.k8s.io", "v1", "leases", true };

struct node_lease {
	struct agent *agent;
	struct loop_timer *timer;
	char *uid; /* NULL: the Node is not known yet */
	bool has_lease;
	struct api_call *call;
};

static void on_lease(void *ctx, const struct api_reply *reply)
{
	struct node_lease *n = ctx;
	n->call = NULL;
	n->has_lease = reply->code == 0 || (n->has_lease && reply->code != ERR_NOT_FOUND);
	loop_timer_set(n->timer, reply->code == 0 ? LEASE_MS : RETRY_MS);
}

static void on_lease_timer(void *ctx)
{
	struct node_lease *n = ctx;
	struct agent *a = n->agent;
	char now[TIME_TEXT_SIZE];
	if (n->call)
		api_cancel(a->api, TAKE(n->call));
	time_format_micro(loop_wall_us(a->loop), now);
	if (!n->uid) { /* the lease belongs to the Node, which is not there yet */
		loop_timer_set(n->timer, RETRY_MS / 4);
		return;
	}
	loop_timer_set(n->timer, ANSWER_MS);
	if (n->has_lease) {
		AUTO_JSON *patch = json_pack("{s:{s:s, s:s}}", "spec", "holderIdentity",
					     a->node_name, "renewTime", now);
		auto_free char *path = api_path(&leases, "kube-node-lease", a->node_name, NULL);
		n->call = api_request(a->api, "PATCH", path, patch, API_MERGE_PATCH, on_lease, n);
		return;
	}
	AUTO_JSON *body = json_pack(
		"{s:s, s:s, s:{s:s, s:s, s:[{s:s, s:s, s:s, s:s}]}, s:{s:s, s:i, s:s}}",
		"apiVersion", "coordination.k8s.io/v1", "kind", "Lease", "metadata", "name",
		a->node_name, "namespace", "kube-node-lease", "ownerReferences", "apiVersion", "v1",
		"kind", "Node", "name", a->node_name, "uid", n->uid, "spec", "holderIdentity",
		a->node_name, "leaseDurationSeconds", LEASE_S, "renewTime", now);
	auto_free char *path = api_path(&leases, "kube-node-lease", NULL, NULL);
	n->has_lease = true; /* where it exists already, the next turn renews it */
	n->call = api_request(a->api, "POST", path, body, NULL, on_lease, n);
}

struct node_lease *node_lease_new(struct agent *a)
{
	struct node_lease *n = xcalloc(1, sizeof(*n));
	n->agent = a;
	n->timer = loop_timer_new(a->loop, on_lease_timer, n);
	return n;
}

void node_lease_free(struct node_lease *n)
{
	if (n->call)
		api_cancel(n->agent->api, n->call);
	loop_timer_free(n->timer);
	free(n->uid);
	free(n);
}

void node_lease_start(struct node_lease *n)
{
	loop_timer_set(n->timer, 0);
}

void node_lease_set_owner(struct node_lease *n, const char *uid)
{
	char *copy = xstrdup(uid);
	free(n->uid);
	n->uid = copy;
}
