/* ConfigMaps, Secrets and tokens that a pod is made from. */
#include "nodeagent/pod.h"

#include "common/base/time_text.h"
#include "common/io/tls.h"

#include <stdio.h>

#define SOURCES_MAX 512
#define AUTH_MAX    65536
#define TOKEN_MIN_S 600

static const struct api_resource config_maps = { "", "v1", "configmaps", true };
static const struct api_resource secrets = { "", "v1", "secrets", true };
static const struct api_resource accounts = { "", "v1", "serviceaccounts", true };

/* ---- which ---- */

static void want(json_t *wanted, bool is_secret, const char *name)
{
	char key[320];
	if (name && name[0] && json_object_size(wanted) < SOURCES_MAX &&
	    snprintf(key, sizeof(key), "%s/%s", is_secret ? "Secret" : "ConfigMap", name) > 0)
		json_object_set_new(wanted, key, json_null());
}

static void want_env(json_t *wanted, const json_t *container)
{
	size_t i;
	json_t *e;
	json_array_foreach (json_object_get(container, "env"), i, e) {
		want(wanted, false, json_str(e, "valueFrom.configMapKeyRef.name"));
		want(wanted, true, json_str(e, "valueFrom.secretKeyRef.name"));
	}
	json_array_foreach (json_object_get(container, "envFrom"), i, e) {
		want(wanted, false, json_str(e, "configMapRef.name"));
		want(wanted, true, json_str(e, "secretRef.name"));
	}
}

static void want_volume(json_t *wanted, const json_t *volume)
{
	size_t i;
	json_t *s;
	want(wanted, false, json_str(volume, "configMap.name"));
	want(wanted, true, json_str(volume, "secret.secretName"));
	json_array_foreach (json_dig(volume, "projected.sources"), i, s) {
		want(wanted, false, json_str(s, "configMap.name"));
		want(wanted, true, json_str(s, "secret.name"));
		if (!json_object_get(s, "serviceAccountToken"))
			continue;
		auto_free char *key = xasprintf("Token/%s/%zu", json_str_or(volume, "name", ""), i);
		json_object_set_new(wanted, key,
				    json_incref(json_object_get(s, "serviceAccountToken")));
	}
}

static json_t *wanted_of(const struct pod *p)
{
	static const char *const lists[] = { "spec.initContainers", "spec.containers" };
	json_t *wanted = json_object();
	size_t i;
	json_t *each;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		json_array_foreach (json_dig(p->object, lists[l]), i, each) {
			want_env(wanted, each);
		}
	}
	json_array_foreach (json_dig(p->object, "spec.volumes"), i, each) {
		want_volume(wanted, each);
	}
	json_array_foreach (json_dig(p->object, "spec.imagePullSecrets"), i, each) {
		want(wanted, true, json_str(each, "name"));
	}
	return wanted;
}

/* ---- fetching ---- */

struct fetch {
	struct pod *pod;
	void (*done)(struct pod *p);
	json_t *found;
	size_t waiting;
};

struct fetch_one {
	struct fetch *fetch;
	char *key;
	bool is_token;
};

static void finish(struct fetch *f)
{
	if (--f->waiting > 0)
		return;
	struct pod *p = f->pod;
	void (*done)(struct pod *) = f->done;
	json_decref(p->sources);
	p->sources = f->found;
	p->sources_ms = agent_now_ms(p->agent);
	free(f);
	done(p);
}

/* Tokens are asked for anew when four fifths of their life are over. */
static void keep_token(struct fetch_one *o, const json_t *body)
{
	struct pod *p = o->fetch->pod;
	int64_t now_ms = agent_now_ms(p->agent), until_us;
	const char *token = json_str(body, "status.token");
	const char *until = json_str(body, "status.expirationTimestamp");
	if (!token)
		return;
	json_object_set_new(o->fetch->found, o->key, json_string(token));
	if (!until || !time_parse(until, &until_us))
		return;
	int64_t refresh_ms = now_ms + (until_us / 1000 - now_ms) * 4 / 5;
	if (p->token_refresh_ms == 0 || refresh_ms < p->token_refresh_ms)
		p->token_refresh_ms = refresh_ms;
}

static void on_one(void *ctx, const struct api_reply *reply)
{
	struct fetch_one *o = ctx;
	struct fetch *f = o->fetch;
	if (reply->code == 0 && o->is_token) {
		keep_token(o, reply->body);
	} else if (reply->code == 0) {
		json_object_set(f->found, o->key, reply->body);
	} else if (reply->code != ERR_NOT_FOUND) {
		/* The API does not answer: what was known stays known. */
		json_t *old = json_object_get(f->pod->sources, o->key);
		if (old)
			json_object_set(f->found, o->key, old);
	}
	free(o->key);
	free(o);
	finish(f);
}

static void ask_token(struct fetch *f, struct fetch_one *o, const json_t *source)
{
	struct pod *p = f->pod;
	int64_t seconds = MAX(json_int_or(source, "expirationSeconds", 3607), (int64_t)TOKEN_MIN_S);
	const char *audience = json_str(source, "audience");
	AUTO_JSON *body =
		json_pack("{s:s, s:s, s:{s:I, s:{s:s, s:s, s:s, s:s}}}", "apiVersion",
			  "authentication.k8s.io/v1", "kind", "TokenRequest", "spec",
			  "expirationSeconds", (json_int_t)seconds, "boundObjectRef", "apiVersion",
			  "v1", "kind", "Pod", "name", p->name, "uid", p->uid);
	json_t *audiences = json_array();
	if (audience && audience[0])
		json_array_append_new(audiences, json_string(audience));
	json_put(body, "spec.audiences", audiences);
	auto_free char *path =
		api_path(&accounts, p->ns,
			 json_str_or(p->object, "spec.serviceAccountName", "default"), "token");
	o->is_token = true;
	(void)api_request(p->agent->api, "POST", path, body, NULL, on_one, o);
}

static void ask(struct fetch *f, const char *key, const json_t *source)
{
	struct pod *p = f->pod;
	struct fetch_one *o = xcalloc(1, sizeof(*o));
	*o = (struct fetch_one){ .fetch = f, .key = xstrdup(key) };
	f->waiting++;
	if (starts_with(key, "Token/")) {
		ask_token(f, o, source);
		return;
	}
	bool is_secret = starts_with(key, "Secret/");
	auto_free char *path =
		api_path(is_secret ? &secrets : &config_maps, p->ns, strchr(key, '/') + 1, NULL);
	(void)api_request(p->agent->api, "GET", path, NULL, NULL, on_one, o);
}

void pod_sources_fetch(struct pod *p, void (*done)(struct pod *p))
{
	struct fetch *f = xcalloc(1, sizeof(*f));
	*f = (struct fetch){ .pod = p, .done = done, .found = json_object(), .waiting = 1 };
	AUTO_JSON *wanted = wanted_of(p);
	int64_t now_ms = agent_now_ms(p->agent);
	bool keep_tokens = p->token_refresh_ms > now_ms;
	if (!keep_tokens)
		p->token_refresh_ms = 0;
	const char *key;
	json_t *source;
	json_object_foreach (wanted, key, source) {
		json_t *token = starts_with(key, "Token/") && keep_tokens
					? json_object_get(p->sources, key)
					: NULL;
		if (token)
			json_object_set(f->found, key, token);
		else
			ask(f, key, source);
	}
	finish(f); /* where nothing had to be asked for, done is called in here */
}

/* ---- registries ---- */

/* "docker.io" for names without a registry. */
static void registry_of(const char *image, char host[256])
{
	size_t n = strcspn(image, "/");
	bool has_host = image[n] == '/' && (memchr(image, '.', n) || memchr(image, ':', n) ||
					    (n == 9 && strncmp(image, "localhost", 9) == 0));
	if (!has_host || n >= 256) {
		memcpy(host, "docker.io", sizeof("docker.io"));
		return;
	}
	memcpy(host, image, n);
	host[n] = '\0';
}

static bool host_fits(const char *entry, const char *host)
{
	const char *scheme = strstr(entry, "://");
	const char *name = scheme ? scheme + 3 : entry;
	size_t n = strcspn(name, "/");
	if (strlen(host) == n && strncmp(name, host, n) == 0)
		return true;
	return streq(host, "docker.io") && n == strlen("index.docker.io") &&
	       strncmp(name, "index.docker.io", n) == 0;
}

static bool auth_from(const json_t *secret, const char *host, struct arena *a, struct cri_auth *ret)
{
	size_t len;
	struct error err;
	AUTO_JSON *config = NULL;
	const char *text = pod_source_bytes(secret, true, ".dockerconfigjson", a, &len);
	if (!text || len > AUTH_MAX || json_parse(text, len, &config, &err) < 0)
		return false;
	const char *key;
	json_t *entry;
	json_object_foreach (json_object_get(config, "auths"), key, entry) {
		if (!host_fits(key, host))
			continue;
		*ret = (struct cri_auth){
			.username = arena_text(a, json_str_or(entry, "username", "")),
			.password = arena_text(a, json_str_or(entry, "password", "")),
			.auth = arena_text(a, json_str_or(entry, "auth", "")),
			/* No server_address: it is chosen already, and containerd reads the usual
			 * "host:port" as a URL without a scheme and refuses it. */
			.identity_token = arena_text(a, json_str_or(entry, "identitytoken", "")),
		};
		return true;
	}
	return false;
}

bool pod_pull_auth(struct pod *p, const char *image, struct arena *a, struct cri_auth *ret)
{
	char host[256];
	size_t i;
	json_t *each;
	registry_of(image, host);
	json_array_foreach (json_dig(p->object, "spec.imagePullSecrets"), i, each) {
		const json_t *secret = json_object_get(
			p->sources, arena_format(a, "Secret/%s", json_str_or(each, "name", "")));
		if (secret && auth_from(secret, host, a, ret))
			return true;
	}
	return false;
}
