#include "apiserver/callers.h"
#include "common/base/jsonx.h"
#include "common/base/map.h"

#define CALLERS_MAX   1024 /* all forgotten when full */
#define DECISIONS_MAX 16
#define PATH_LEN_MAX  512

enum { ACCOUNTS, PODS, SECRETS, NODES, KINDS };

static const struct {
	const char *kind,
		*member; /* of the claim that binds to one; NULL: every token rests on it */
} kinds[KINDS] = { [ACCOUNTS] = { "ServiceAccount", NULL },
		   [PODS] = { "Pod", "pod" },
		   [SECRETS] = { "Secret", "secret" },
		   [NODES] = { "Node", "node" } };

struct followed {
	struct hub_watcher watcher;
	uint64_t changes;
};

struct callers {
	struct hub *hub;
	struct followed followed[KINDS];
	struct map known; /* token → struct caller */
};

struct decision {
	char *path; /* NULL: none */
	char *reason;
	enum verb verb;
	uint64_t generation;
};

struct caller {
	unsigned refs;
	char *token;
	size_t token_len;
	struct identity who;
	int64_t known_s, expires_s;
	bool rests_on[KINDS];
	uint64_t changes[KINDS]; /* when it was looked into */
	struct decision decisions[DECISIONS_MAX];
};

/* ---- callers ---- */

static void changed(struct hub_watcher *w)
{
	CONTAINER_OF(w, struct followed, watcher)->changes++;
}

struct callers *callers_new(struct hub *hub)
{
	struct callers *c = xcalloc(1, sizeof *c);
	c->hub = hub;
	for (size_t i = 0; i < KINDS; i++) {
		c->followed[i].watcher.changed = changed;
		hub_watch(hub, schema_kind_by_kind("", "v1", kinds[i].kind),
			  &c->followed[i].watcher);
	}
	return c;
}

static void forget(struct callers *c)
{
	void *k;
	for (size_t i = 0; (i = map_next(&c->known, i, NULL, &k)) != 0;)
		caller_unref(k);
	map_fini(&c->known);
}

void callers_free(struct callers *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < KINDS; i++)
		hub_unwatch(c->hub, schema_kind_by_kind("", "v1", kinds[i].kind),
			    &c->followed[i].watcher);
	forget(c);
	free(c);
}

static void forget_decision(struct decision *d)
{
	free(d->path);
	free(d->reason);
}

void caller_unref(struct caller *k)
{
	if (!k || --k->refs > 0)
		return;
	identity_fini(&k->who);
	for (size_t i = 0; i < DECISIONS_MAX; i++)
		forget_decision(&k->decisions[i]);
	free(k->token);
	free(k);
}

/* ---- who it is ---- */

static void release(void *caller)
{
	caller_unref(caller);
}

static void remember(struct http_memo *memo, struct caller *k)
{
	if (!memo || memo->value == k)
		return;
	if (memo->release)
		memo->release(memo->value);
	k->refs++;
	*memo = (struct http_memo){ k, release };
}

/* The identity borrows its texts and keeps the caller. */
static void lend(struct caller *k, struct identity *ret)
{
	*ret = k->who;
	ret->caller = k;
	k->refs++;
}

static bool is_current(const struct callers *c, const struct caller *k, int64_t now_s)
{
	for (size_t i = 0; i < KINDS; i++)
		if (k->rests_on[i] && k->changes[i] != c->followed[i].changes)
			return false;
	/* Where the clock was set back, the token may not be valid yet. */
	return k->known_s <= now_s && now_s < k->expires_s;
}

static struct caller *find(struct callers *c, const struct http_memo *memo, const char *token)
{
	struct caller *k = memo && memo->release == release ? memo->value : NULL;
	if (k && streq(k->token, token))
		return k;
	return map_get(&c->known, token);
}

bool callers_know(struct callers *c, struct http_memo *memo, const char *token, int64_t now_s,
		  struct identity *ret)
{
	struct caller *k = find(c, memo, token);
	if (!k || !is_current(c, k, now_s))
		return false;
	remember(memo, k);
	lend(k, ret);
	return true;
}

void callers_learn(struct callers *c, struct http_memo *memo, const char *token,
		   const json_t *claims, int64_t now_s, struct identity *who)
{
	const json_t *expires = json_object_get(claims, "exp");
	if (!json_is_integer(expires))
		return;
	struct caller *k = xcalloc(1, sizeof *k);
	*k = (struct caller){ .refs = 1,
			      .token = xstrdup(token),
			      .who = *who,
			      .known_s = now_s,
			      .expires_s = json_integer_value(expires) };
	for (size_t i = 0; i < KINDS; i++) {
		k->rests_on[i] = !kinds[i].member ||
				 json_at(claims, "kubernetes.io", kinds[i].member) != NULL;
		k->changes[i] = c->followed[i].changes;
	}
	if (c->known.count >= CALLERS_MAX)
		forget(c);
	caller_unref(map_put(&c->known, token, k));
	remember(memo, k);
	lend(k, who);
}

/* ---- what they may ---- */

/* Paths differ at their ends. */
static size_t slot_of(enum verb verb, const char *path, size_t len)
{
	uint64_t tail = 0;
	size_t n = MIN(len, sizeof tail);
	memcpy(&tail, path + len - n, n);
	return ((tail ^ len ^ (uint64_t)verb << 32) * 0x9e3779b97f4a7c15u) >> 60;
}
static_assert(DECISIONS_MAX == 16, "four bits");

const char *caller_was_allowed(const struct caller *k, enum verb verb, const char *path,
			       uint64_t generation)
{
	const struct decision *d = &k->decisions[slot_of(verb, path, strlen(path))];
	bool is_known =
		d->path && d->generation == generation && d->verb == verb && streq(d->path, path);
	return is_known ? d->reason : NULL;
}

void caller_allow(struct caller *k, enum verb verb, const char *path, uint64_t generation,
		  const char *reason)
{
	size_t len = strlen(path);
	if (len > PATH_LEN_MAX)
		return;
	struct decision *d = &k->decisions[slot_of(verb, path, len)];
	forget_decision(d);
	*d = (struct decision){ xstrdup(path), xstrdup(reason), verb, generation };
}
