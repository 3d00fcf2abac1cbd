/*
 * Secrets of type kubernetes.io/service-account-token: filled with the cluster's certificate, their
 * namespace and whose they are; the server adds the token, whose key it alone has. They go with their
 * account. Seen by their metadata, and read only when something may be missing.
 */
#include "controller/controllers_internal.h"

#include "controller/facts.h"
#include "schemas/base64.h"

#define TYPE     "kubernetes.io/service-account-token"
#define NAME_KEY "kubernetes.io/service-account.name"
#define UID_KEY  "kubernetes.io/service-account.uid"

static const struct api_resource secrets = { "", "v1", "secrets", true };
static const struct api_resource accounts = { "", "v1", "serviceaccounts", true };

struct account_token_controller {
	struct context *context;
	struct cache *secrets, *accounts; /* of metadata; the garbage collector's */
	struct control_loop *loop;
};

/* ---- one Secret ---- */

struct question {
	struct account_token_controller *a;
	json_t *secret, *account; /* as the server has them; NULL: it is gone */
	bool secret_is_known, account_is_known;
};

static void question_free(void *ctx)
{
	struct question *q = ctx;
	json_decref(q->secret);
	json_decref(q->account);
	free(q);
}

static void take(const struct api_reply *reply, json_t **ret, bool *ret_is_known)
{
	*ret_is_known = reply->code == 0 || reply->code == ERR_NOT_FOUND;
	if (reply->code == 0)
		*ret = json_incref(reply->body);
}

static void on_secret(void *ctx, struct work *w, const struct api_reply *reply)
{
	struct question *q = ctx;
	(void)w; /* what failed is asked again */
	take(reply, &q->secret, &q->secret_is_known);
}

static void on_account(void *ctx, struct work *w, const struct api_reply *reply)
{
	struct question *q = ctx;
	(void)w;
	take(reply, &q->account, &q->account_is_known);
}

static bool has_data(const json_t *secret, const char *name)
{
	const char *value = json_member_str(json_object_get(secret, "data"), name);
	return value && *value;
}

/* What is missing of it, as a patch; NULL: nothing. */
static json_t *missing(const struct question *q)
{
	const char *root = q->a->context->settings.root_ca;
	const char *held = json_member_str(json_object_get(q->secret, "data"), "ca.crt");
	json_t *data = json_object(), *annotations = json_object();
	AUTO_STR ca;
	AUTO_STR ns;
	str_init(&ca, 2u << 20);
	str_init(&ns, 4096);
	base64_add(&ca, root, strlen(root));
	base64_add(&ns, namespace_of(q->secret), strlen(namespace_of(q->secret)));
	if (*root && (!held || !streq(held, ca.data)))
		(void)json_object_set_new(data, "ca.crt", json_string(ca.data));
	if (!has_data(q->secret, "namespace"))
		(void)json_object_set_new(data, "namespace", json_string(ns.data));
	bool is_whole = json_object_size(data) == 0 && has_data(q->secret, "token");
	const char *uid = annotation_of(q->secret, UID_KEY);
	(void)json_object_set_new(annotations, UID_KEY, json_string(uid_of(q->account)));
	if (is_whole && uid && streq(uid, uid_of(q->account))) {
		json_decref(data);
		json_decref(annotations);
		return NULL;
	}
	json_t *patch = json_object();
	json_put_str(patch, "metadata.uid", uid_of(q->secret));
	json_put_str(patch, "metadata.resourceVersion",
		     json_str_or(q->secret, "metadata.resourceVersion", ""));
	json_put(patch, "metadata.annotations", annotations);
	if (json_object_size(data))
		json_put(patch, "data", data);
	else
		json_decref(data);
	return patch;
}

static void decided(void *ctx, struct work *w, const char *key)
{
	struct question *q = ctx;
	struct work_write *write;
	(void)key; /* the Secret is in the question */
	if (!q->secret_is_known || !q->account_is_known || !q->secret ||
	    !streq(json_str_or(q->secret, "type", ""), TYPE) || pod_is_terminating(q->secret))
		return;
	const char *uid = annotation_of(q->secret, UID_KEY);
	if (!q->account || (uid && !streq(uid, uid_of(q->account)))) {
		write = work_delete(w, q->a->secrets, &secrets, namespace_of(q->secret),
				    name_of(q->secret), uid_of(q->secret), -1, NULL);
		write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
		return;
	}
	json_t *patch = missing(q);
	if (!patch)
		return;
	write = work_patch(w, q->a->secrets, &secrets, namespace_of(q->secret), name_of(q->secret),
			   NULL, API_MERGE_PATCH, patch);
	write->fine = WORK_FINE_GONE | WORK_FINE_CONFLICT;
}

static void reconcile(void *ctx, struct work *w, const char *key)
{
	struct account_token_controller *a = ctx;
	const json_t *secret = cache_get(a->secrets, key);
	const char *account = secret ? annotation_of(secret, NAME_KEY) : NULL;
	if (!account || !*account || pod_is_terminating(secret))
		return;
	struct question *q = xcalloc(1, sizeof *q);
	q->a = a;
	work_get(w, &secrets, namespace_of(secret), name_of(secret), on_secret, q)->fine =
		WORK_FINE_GONE;
	work_get(w, &accounts, namespace_of(secret), account, on_account, q)->fine = WORK_FINE_GONE;
	work_then(w, decided, q, question_free);
}

/* ---- what wakes it ---- */

static void on_secret_changed(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct account_token_controller *a = ctx;
	(void)before; /* the present counts */
	if (now && annotation_of(now, NAME_KEY))
		control_loop_add(a->loop, key);
}

/* An account that goes takes them with it. */
static void on_account_changed(void *ctx, const char *key, const json_t *before, const json_t *now)
{
	struct account_token_controller *a = ctx;
	char ns[256];
	const char *name = cache_key_split(key, ns);
	if (before && now && streq(uid_of(before), uid_of(now)))
		return;
	struct cache_range all = cache_in_namespace(a->secrets, ns);
	for (size_t i = 0; i < all.count; i++) {
		const char *account = annotation_of(all.at[i]->tree, NAME_KEY);
		if (account && streq(account, name))
			control_loop_add(a->loop, all.at[i]->key);
	}
}

struct account_token_controller *account_token_controller_new(struct context *c,
							      const struct gc_controller *gc)
{
	struct account_token_controller *a = xcalloc(1, sizeof *a);
	a->context = c;
	a->secrets = gc_controller_metadata(gc, &secrets);
	a->accounts = gc_controller_metadata(gc, &accounts);
	a->loop = context_loop(c, "account-token", reconcile, a, NULL, 0);
	control_loop_needs(a->loop, a->secrets);
	cache_subscribe(a->secrets,
			&(struct cache_subscriber){ .changed = on_secret_changed, .ctx = a });
	cache_subscribe(a->accounts,
			&(struct cache_subscriber){ .changed = on_account_changed, .ctx = a });
	return a;
}

void account_token_controller_free(struct account_token_controller *a)
{
	if (!a)
		return;
	cache_unsubscribe(a->secrets, a);
	cache_unsubscribe(a->accounts, a);
	control_loop_free(a->loop);
	free(a);
}
