#include "cli/session.h"
#include "cli/files.h"

#define DEFAULT_CONFIG "/var/lib/skiff/kubeconfig"

static char *find_config(const char *given)
{
	if (given)
		return xstrdup(given);
	const char *env = getenv("KUBECONFIG"), *home = getenv("HOME");
	if (env && *env)
		return xstrndup(env, strcspn(env, ":"));
	auto_free char *own = xasprintf("%s/.kube/config", home ? home : "/root");
	return file_exists(own) ? TAKE(own) : xstrdup(DEFAULT_CONFIG);
}

int session_open(const char *kubeconfig, struct session *ret, struct error *err)
{
	return session_open_context(kubeconfig, NULL, ret, err);
}

int session_open_context(const char *kubeconfig, const char *context, struct session *ret,
			 struct error *err)
{
	struct session s = { 0 };
	auto_free char *path = find_config(kubeconfig);
	int code;
	if (!kubeconfig && !file_exists(path) && getenv("KUBERNETES_SERVICE_HOST"))
		code = kubeconfig_in_cluster(&s.config, err);
	else
		code = kubeconfig_load(path, context, &s.config, err);
	if (code == ERR_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND,
				 "there is no kubeconfig at %s: start a cluster with `skiff cluster "
				 "up`, or name one with --kubeconfig FILE", path);
	if (code < 0)
		return code;
	struct http_client_options o = { 0 };
	kubeconfig_options(&s.config, &o);
	o.user_agent = "skiff/" SKIFF_VERSION;
	s.loop = loop_new();
	code = http_client_new(s.loop, &o, &s.transport, err);
	if (code < 0) {
		session_close(&s);
		return code;
	}
	s.api = api_new(s.loop, s.transport, o.user_agent);
	*ret = s;
	return 0;
}

void session_close(struct session *s)
{
	api_free(s->api);
	http_transport_free(s->transport);
	kubeconfig_fini(&s->config);
	loop_free(s->loop);
	*s = (struct session){ 0 };
}

void session_reply_fini(struct session_reply *r)
{
	json_decref(r->body);
	free(r->reason);
	free(r->message);
	*r = (struct session_reply){ 0 };
}

struct waiting {
	struct session *session;
	struct session_reply *reply;
};

static void replied(void *ctx, const struct api_reply *reply)
{
	struct waiting *w = ctx;
	*w->reply = (struct session_reply){ .status = reply->status,
					    .code = reply->code,
					    .body = json_incref(reply->body),
					    .reason = xstrdup(reply->reason),
					    .message = xstrdup(reply->message) };
	loop_stop(w->session->loop);
}

void session_call(struct session *s, const char *method, const char *target, const json_t *body,
		  const char *content_type, struct session_reply *ret)
{
	*ret = (struct session_reply){ 0 };
	struct waiting w = { s, ret };
	(void)api_request(s->api, method, target, body, content_type, replied, &w);
	loop_run(s->loop);
}
