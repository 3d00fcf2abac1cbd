#include "common/client/kubeconfig.h"

#include "common/base/jsonx.h"
#include "schemas/base64.h"
#include "schemas/schema.h"

#include <errno.h>
#include <fcntl.h>

#define FILE_MAX_BYTES (4u << 20)
#define ACCOUNT_DIR    "/var/run/secrets/kubernetes.io/serviceaccount"

void kubeconfig_fini(struct kubeconfig *k)
{
	free(k->server);
	free(k->server_path);
	free(k->ns);
	free(k->context);
	free(k->user);
	free(k->ca_file);
	free(k->ca_data);
	free(k->cert_file);
	free(k->key_file);
	free(k->cert_data);
	free(k->key_data);
	free(k->token);
	free(k->token_file);
	free(k->server_name);
	*k = (struct kubeconfig){ 0 };
}

static int read_file(const char *path, struct str *ret, struct error *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_FORBIDDEN,
				 "cannot read '%s': %s", path, strerror(errno));
	for (;;) {
		char *room = str_reserve(ret, 65536);
		if (!room)
			return error_set(err, ERR_LIMIT, "'%s' is larger than 4 MiB", path);
		ssize_t n = read(fd, room, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERR_INVALID, "cannot read '%s': %s", path,
					 strerror(errno));
		if (n == 0)
			return 0;
		str_grew(ret, (size_t)n);
	}
}

/* The entry called `name` of a list of { name, <member>: {…} }. */
static const json_t *named(const json_t *list, const char *name, const char *member)
{
	size_t i;
	json_t *entry;
	json_array_foreach (list, i, entry) {
		if (streq(json_str_or(entry, "name", ""), name))
			return json_object_get(entry, member);
	}
	return NULL;
}

static char *text_of(const json_t *o, const char *name)
{
	const char *text = json_member_str(o, name);
	return text && *text ? xstrdup(text) : NULL;
}

static char *path_of(const json_t *o, const char *name, const char *folder)
{
	const char *text = json_member_str(o, name);
	if (!text || !*text)
		return NULL;
	return text[0] == '/' ? xstrdup(text) : xasprintf("%s/%s", folder, text);
}

/* Blanks are skipped too: people indent what they paste. */
static int decoded(const json_t *o, const char *name, char **ret, struct error *err)
{
	const char *text = json_member_str(o, name);
	if (!text || !*text)
		return 0;
	AUTO_STR plain, out;
	str_init(&plain, FILE_MAX_BYTES);
	str_init(&out, FILE_MAX_BYTES);
	for (const char *p = text; *p; p++)
		if (*p != ' ')
			str_add_char(&plain, *p);
	if (str_check(&plain, name, err) < 0)
		return err->code;
	if (base64_check(plain.data, plain.len) >= 0)
		return error_set(err, ERR_INVALID, "%s is no base64", name);
	base64_decode(plain.data, plain.len, &out);
	*ret = str_take(&out);
	return 0;
}

static int take_server(const json_t *cluster, struct kubeconfig *k, struct error *err)
{
	const char *server = json_str(cluster, "server");
	const char *authority = server ? strstr(server, "://") : NULL;
	if (!authority)
		return error_set(err, ERR_INVALID, "the cluster has no server URL");
	size_t n = (size_t)(authority - server) + 3;
	n += strcspn(server + n, "/");
	k->server = xstrndup(server, n);
	k->server_path = xstrdup(server + n);
	size_t length = strlen(k->server_path);
	if (length > 0 && k->server_path[length - 1] == '/')
		k->server_path[length - 1] = '\0';
	return 0;
}

static int take_user(const json_t *user, const char *folder, struct kubeconfig *k,
		     struct error *err)
{
	k->cert_file = path_of(user, "client-certificate", folder);
	k->key_file = path_of(user, "client-key", folder);
	k->token = text_of(user, "token");
	k->token_file = path_of(user, "tokenFile", folder);
	if (json_object_get(user, "exec") || json_object_get(user, "auth-provider"))
		return error_set(err, ERR_INVALID,
				 "the user '%s' signs in through a plugin; use a token or a client "
				 "certificate instead",
				 k->user);
	if (decoded(user, "client-certificate-data", &k->cert_data, err) < 0)
		return err->code;
	return decoded(user, "client-key-data", &k->key_data, err);
}

static int take_config(const json_t *config, const char *folder, const char *context,
		       struct kubeconfig *k, struct error *err)
{
	k->context = xstrdup(context ? context : json_str_or(config, "current-context", ""));
	const json_t *chosen = named(json_object_get(config, "contexts"), k->context, "context");
	if (!chosen)
		return error_set(err, ERR_INVALID,
				 "it has no context '%s'; choose one of its contexts", k->context);
	k->ns = xstrdup(json_str_or(chosen, "namespace", "default"));
	k->user = xstrdup(json_str_or(chosen, "user", ""));
	const char *name = json_str_or(chosen, "cluster", "");
	const json_t *cluster = named(json_object_get(config, "clusters"), name, "cluster");
	if (!cluster)
		return error_set(err, ERR_INVALID, "it has no cluster '%s'", name);
	if (take_server(cluster, k, err) < 0)
		return err->code;
	k->ca_file = path_of(cluster, "certificate-authority", folder);
	k->server_name = text_of(cluster, "tls-server-name");
	k->insecure_skip_verify = json_bool_or(cluster, "insecure-skip-tls-verify", false);
	if (decoded(cluster, "certificate-authority-data", &k->ca_data, err) < 0)
		return err->code;
	const json_t *user = named(json_object_get(config, "users"), k->user, "user");
	return user ? take_user(user, folder, k, err) : 0;
}

int kubeconfig_parse(const char *text, size_t n, const char *folder, const char *context,
		     struct kubeconfig *ret, struct error *err)
{
	struct yaml_documents documents = { 0 };
	if (yaml_parse(text, n, &documents, err) < 0)
		return err->code;
	AUTO_KUBECONFIG k = { 0 };
	int result = 0;
	if (documents.count == 0 || !json_is_object(documents.at[0].tree))
		result = error_set(err, ERR_INVALID, "it is empty");
	else
		result = take_config(documents.at[0].tree, folder, context, &k, err);
	yaml_documents_fini(&documents);
	if (result < 0)
		return result;
	*ret = k;
	k = (struct kubeconfig){ 0 };
	return 0;
}

int kubeconfig_load(const char *path, const char *context, struct kubeconfig *ret,
		    struct error *err)
{
	AUTO_STR text;
	str_init(&text, FILE_MAX_BYTES);
	if (read_file(path, &text, err) < 0)
		return err->code;
	const char *slash = strrchr(path, '/');
	auto_free char *folder = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	if (kubeconfig_parse(text.data, text.len, folder, context, ret, err) < 0)
		return error_wrap(err, "kubeconfig '%s'", path);
	return 0;
}

int kubeconfig_in_cluster(struct kubeconfig *ret, struct error *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	if (!host || !port)
		return error_set(err, ERR_NOT_FOUND,
				 "not inside a pod: KUBERNETES_SERVICE_HOST "
				 "is not set");
	AUTO_STR ns;
	str_init(&ns, 65536 + 256);
	struct error ignored; /* the namespace file is optional */
	if (read_file(ACCOUNT_DIR "/namespace", &ns, &ignored) < 0)
		str_clear(&ns);
	*ret = (struct kubeconfig){
		.server = xasprintf(strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host,
				    port),
		.server_path = xstrdup(""),
		.ns = xstrdup(ns.len > 0 ? ns.data : "default"),
		.context = xstrdup("in-cluster"),
		.user = xstrdup("in-cluster"),
		.ca_file = xstrdup(ACCOUNT_DIR "/ca.crt"),
		.token_file = xstrdup(ACCOUNT_DIR "/token"),
	};
	return 0;
}

void kubeconfig_options(const struct kubeconfig *k, struct http_client_options *ret)
{
	ret->base_url = k->server;
	ret->ca_file = k->ca_file;
	ret->ca_data = k->ca_data;
	ret->cert_file = k->cert_file;
	ret->key_file = k->key_file;
	ret->cert_data = k->cert_data;
	ret->key_data = k->key_data;
	ret->bearer_token = k->token;
	ret->bearer_token_file = k->token_file;
	ret->server_name = k->server_name;
	ret->insecure_skip_verify = k->insecure_skip_verify;
}
