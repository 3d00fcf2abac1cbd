/* Telling the API what became of a pod. */
#include "nodeagent/pod.h"

#include "common/io/log.h"

#include <stdio.h>

static const struct api_resource pods = { "", "v1", "pods", true };

static void on_status(void *ctx, const struct api_reply *reply)
{
	struct pod *p = ctx;
	p->status_call = NULL;
	if (reply->code == 0 || reply->code == ERR_NOT_FOUND || reply->code == ERR_CONFLICT) {
		/* Not found, conflict: it is another pod now, or none; the watch will tell. */
		p->status_failures = 0;
		p->is_status_sent = true;
		pod_kick(p);
		return;
	}
	json_decref(p->status_sent);
	p->status_sent = NULL;
	int64_t wait_ms = backoff_ms(&p->agent->rng, p->status_failures++, 500, 10000);
	log_warn("pod", "status not accepted", "pod", p->name, "message", reply->message);
	pod_kick_after(p, wait_ms);
}

/* A merge patch that makes the stored status equal to `status`: members that went are null. */
static json_t *patch_of(const struct pod *p)
{
	static const char *const removable[] = { "reason", "message", "podIP", "podIPs" };
	json_t *patch = json_deep_copy(p->status), *body = json_object();
	for (size_t i = 0; i < ARRAY_LEN(removable); i++)
		if (!json_object_get(patch, removable[i]))
			json_object_set_new(patch, removable[i], json_null());
	json_put_str(body, "metadata.uid", p->uid);
	json_put(body, "status", patch);
	return body;
}

void pod_report(struct pod *p, const struct pod_facts *f)
{
	if (!p->object)
		return;
	json_t *status = pod_status_make(f, p->agent->node_ip);
	json_decref(p->status);
	p->status = status;
	if (p->was_terminal) {
		p->is_status_sent = true;
		return;
	}
	if (p->status_sent && json_equal(p->status_sent, status))
		return;
	p->is_status_sent = false;
	if (p->status_call)
		return; /* the answer kicks the pod, which then sends what is newest */
	json_decref(p->status_sent);
	p->status_sent = json_incref(status);
	AUTO_JSON *body = patch_of(p);
	auto_free char *path = api_path(&pods, p->ns, p->name, "status");
	p->status_call =
		api_request(p->agent->api, "PATCH", path, body, API_MERGE_PATCH, on_status, p);
}

static void on_deleted(void *ctx, const struct api_reply *reply)
{
	struct pod *p = ctx;
	p->status_call = NULL;
	if (reply->code < 0 && reply->code != ERR_NOT_FOUND && reply->code != ERR_CONFLICT) {
		p->is_delete_sent = false;
		pod_kick_after(p, backoff_ms(&p->agent->rng, p->status_failures++, 500, 10000));
	}
	/* Else the watch tells that it is gone. */
}

void pod_delete_object(struct pod *p)
{
	if (p->is_delete_sent || p->status_call)
		return;
	AUTO_JSON *body =
		json_pack("{s:s, s:s, s:i, s:{s:s}}", "kind", "DeleteOptions", "apiVersion", "v1",
			  "gracePeriodSeconds", 0, "preconditions", "uid", p->uid);
	auto_free char *path = api_path(&pods, p->ns, p->name, NULL);
	p->is_delete_sent = true;
	p->status_call = api_request(p->agent->api, "DELETE", path, body, NULL, on_deleted, p);
}
