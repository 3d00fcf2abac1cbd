/*
 * Paths and operations. What a kind's verbs and subresources allow is said of each path, with the
 * names that Kubernetes gives operations: generated clients have them as functions. Parameters that
 * all operations of a path take stand with the path.
 */
#include "schemas/openapi_internal.h"
#include "schemas/openapi_parameters.h"
#include "schemas/subresource.h"

#define NAME_SIZE_MAX 4096

enum operation {
	OPERATION_LIST,
	OPERATION_WATCH_LIST,
	OPERATION_WATCH,
	OPERATION_READ,
	OPERATION_REPLACE,
	OPERATION_CREATE,
	OPERATION_DELETE,
	OPERATION_DELETE_ALL,
	OPERATION_PATCH,
	OPERATION_CONNECT_GET,
	OPERATION_CONNECT_POST,
	OPERATION_COUNT,
};

#define LIST_PARAMETERS                                                                            \
	(PARAMETER(ALLOW_WATCH_BOOKMARKS) | PARAMETER(CONTINUE) | PARAMETER(FIELD_SELECTOR) |      \
	 PARAMETER(LABEL_SELECTOR) | PARAMETER(LIMIT) | PARAMETER(RESOURCE_VERSION) |              \
	 PARAMETER(RESOURCE_VERSION_MATCH) | PARAMETER(SEND_INITIAL_EVENTS) |                      \
	 PARAMETER(SHARD_SELECTOR) | PARAMETER(TIMEOUT_SECONDS) | PARAMETER(WATCH))
#define WRITE_PARAMETERS                                                                           \
	(PARAMETER(DRY_RUN) | PARAMETER(FIELD_MANAGER) | PARAMETER(FIELD_VALIDATION))
#define DELETE_PARAMETERS                                                                          \
	(PARAMETER(DRY_RUN) | PARAMETER(GRACE_PERIOD_SECONDS) |                                    \
	 PARAMETER(IGNORE_STORE_READ_ERROR) | PARAMETER(ORPHAN_DEPENDENTS) |                       \
	 PARAMETER(PROPAGATION_POLICY))
#define STREAM_PARAMETERS                                                                          \
	(PARAMETER(CONTAINER) | PARAMETER(STDERR) | PARAMETER(STDIN) | PARAMETER(STDOUT) |         \
	 PARAMETER(TTY))
#define LOG_PARAMETERS                                                                             \
	(PARAMETER(CONTAINER) | PARAMETER(FOLLOW) | PARAMETER(INSECURE_SKIP_TLS_VERIFY_BACKEND) |  \
	 PARAMETER(LIMIT_BYTES) | PARAMETER(PREVIOUS) | PARAMETER(SINCE_SECONDS) |                 \
	 PARAMETER(STREAM) | PARAMETER(TAIL_LINES) | PARAMETER(TIMESTAMPS))

static const struct {
	const char *method, *action, *name, *words;
	uint64_t parameters;
	bool is_created, is_accepted; /* 201 and 202 are answers, too */
} operations[OPERATION_COUNT] = {
	[OPERATION_LIST] = { "get", "list", "list", "List or watch objects: ", LIST_PARAMETERS,
			     false, false },
	[OPERATION_WATCH_LIST] = { "get", "watchlist", "watch",
				   "Deprecated for a list with the parameter watch. Watch objects: ",
				   LIST_PARAMETERS, false, false },
	[OPERATION_WATCH] = { "get", "watch", "watch",
			      "Deprecated for a list with the parameters watch and fieldSelector. "
			      "Watch one object: ",
			      LIST_PARAMETERS, false, false },
	[OPERATION_READ] = { "get", "get", "read", "Read ", 0, false, false },
	[OPERATION_REPLACE] = { "put", "put", "replace", "Replace ", WRITE_PARAMETERS, true,
				false },
	[OPERATION_CREATE] = { "post", "post", "create", "Create ", WRITE_PARAMETERS, true, true },
	[OPERATION_DELETE] = { "delete", "delete", "delete", "Delete ", DELETE_PARAMETERS, false,
			       true },
	[OPERATION_DELETE_ALL] = { "delete", "deletecollection", "delete",
				   "Delete all objects that are chosen: ",
				   DELETE_PARAMETERS |
					   (LIST_PARAMETERS &
					    ~(PARAMETER(WATCH) | PARAMETER(ALLOW_WATCH_BOOKMARKS))),
				   false, false },
	[OPERATION_PATCH] = { "patch", "patch", "patch", "Change parts of ",
			      WRITE_PARAMETERS | PARAMETER(FORCE), true, false },
	[OPERATION_CONNECT_GET] = { "get", "connect", "connect", "Connect to ", 0, false, false },
	[OPERATION_CONNECT_POST] = { "post", "connect", "connect", "Connect to ", 0, false, false },
};

/* One path of a kind. */
struct place {
	const struct schema_kind *kind;
	const struct subresource *sub; /* or NULL: the object itself, or all of them */
	bool is_of_object;
	bool is_in_all; /* of all namespaces */
	bool is_watch;  /* below "watch" */
	enum operation does[4];
	size_t count;
};

/* ---- names ---- */

/* Letters and digits, each run of them after the first with a capital. */
static void add_camel(const char *text, size_t n, bool is_capital, struct str *out)
{
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		bool is_small = c >= 'a' && c <= 'z';
		if (!is_small && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9')) {
			is_capital = true;
			continue;
		}
		str_add_char(out, is_capital && is_small ? (char)(c - 'a' + 'A') : c);
		is_capital = false;
	}
}

static void add_group(const char *group, bool is_capital, struct str *out)
{
	static const char usual[] = ".k8s.io";
	const char *name = *group ? group : "core";
	size_t n = strlen(name), end = sizeof usual - 1;
	if (n > end && streq(name + n - end, usual))
		n -= end;
	add_camel(name, n, is_capital, out);
}

void openapi_group_name(const char *group, const char *version, struct str *out)
{
	add_group(group, true, out);
	add_camel(version, strlen(version), true, out);
}

void openapi_tag(const char *group, const char *version, struct str *out)
{
	add_group(group, false, out);
	if (*version)
		str_addf(out, "_%s", version);
}

/* "listCoreV1NamespacedPod", "connectCoreV1GetNamespacedPodExec" */
static void add_name(const struct place *p, enum operation o, struct str *out)
{
	const struct schema_kind *k = p->kind;
	str_add(out, operations[o].name);
	openapi_group_name(k->group, k->version, out);
	if (o == OPERATION_DELETE_ALL)
		str_add(out, "Collection");
	if (o == OPERATION_CONNECT_GET || o == OPERATION_CONNECT_POST)
		str_add(out, o == OPERATION_CONNECT_GET ? "Get" : "Post");
	if (k->is_namespaced && !p->is_in_all)
		str_add(out, "Namespaced");
	str_add(out, k->kind);
	if (p->sub)
		add_camel(p->sub->name, strlen(p->sub->name), true, out);
	if (o == OPERATION_WATCH_LIST)
		str_add(out, "List");
	if (p->is_in_all)
		str_add(out, "ForAllNamespaces");
}

static void add_path(const struct place *p, struct str *out)
{
	const struct schema_kind *k = p->kind;
	str_add(out, *k->group ? "/apis/" : "/api/");
	schema_api_version(k, out);
	if (p->is_watch)
		str_add(out, "/watch");
	if (k->is_namespaced && !p->is_in_all)
		str_add(out, "/namespaces/{namespace}");
	str_addf(out, "/%s", k->resource);
	if (p->is_of_object)
		str_add(out, "/{name}");
	if (p->sub)
		str_addf(out, "/%s", p->sub->name);
}

/* ---- what is sent and answered ---- */

static bool is_text(const struct place *p)
{
	return p->sub && (subresource_is_stream(p->sub) || streq(p->sub->name, "log"));
}

/* The type of an object that is read or written there. */
static void add_object_type(const struct place *p, struct str *out)
{
	const struct subresource *s = p->sub;
	if (!s || !s->kind) {
		openapi_kind_name(p->kind, out);
		return;
	}
	size_t n = strcspn(s->group, ".");
	str_addf(out, "io.k8s.api.%.*s.%s.%s", (int)(*s->group ? n : 4),
		 *s->group ? s->group : "core", s->version, s->kind);
}

static void add_answer_type(const struct place *p, enum operation o, struct str *out)
{
	/* A namespace that begins to end is answered as it is; Kubernetes says a Status, so that is
	 * what generated clients expect. */
	bool is_status = o == OPERATION_DELETE_ALL ||
			 (o == OPERATION_DELETE && (!p->kind->returns_object_on_delete ||
						    streq(p->kind->kind, "Namespace")));
	if (o == OPERATION_WATCH || o == OPERATION_WATCH_LIST) {
		str_add(out, OPENAPI_META "WatchEvent");
	} else if (is_status) {
		str_add(out, OPENAPI_META "Status");
	} else if (o == OPERATION_LIST) {
		openapi_kind_name(p->kind, out);
		str_truncate(out, out->len - strlen(p->kind->kind));
		str_add(out, p->kind->list_kind);
	} else {
		add_object_type(p, out);
	}
}

/* A member "content": the same type in all of these. */
static void add_content(const char *const *content_types, const char *type, struct str *out)
{
	str_add(out, "\"content\":{");
	for (size_t i = 0; content_types[i]; i++) {
		str_addf(out, "%s\"%s\":{\"schema\":{", i ? "," : "", content_types[i]);
		if (type)
			str_addf(out, "\"$ref\":\"#/components/schemas/%s\"}}", type);
		else
			str_add(out, "\"type\":\"string\"}}");
	}
	str_add_char(out, '}');
}

static const char *const built_in_types[] = { "application/json",
					      "application/vnd.kubernetes.protobuf",
					      "application/yaml", NULL };

static const char *const *answer_types(const struct place *p, enum operation o)
{
	static const char *const streams[] = { "application/json",
					       "application/json;stream=watch",
					       "application/vnd.kubernetes.protobuf",
					       "application/vnd.kubernetes.protobuf;stream=watch",
					       "application/yaml",
					       NULL };
	static const char *const log[] = { "application/json",
					   "application/vnd.kubernetes.protobuf",
					   "application/yaml", "text/plain", NULL };
	static const char *const any[] = { "*/*", NULL };
	static const char *const custom[] = { "application/json", "application/yaml", NULL };
	if (p->kind->custom)
		return custom;
	if (is_text(p))
		return subresource_is_stream(p->sub) ? any : log;
	return o == OPERATION_LIST || o == OPERATION_WATCH || o == OPERATION_WATCH_LIST
		       ? streams
		       : built_in_types;
}

static void add_answer(const char *code, const char *words, const char *const *content_types,
		       const char *type, struct str *out)
{
	str_addf(out, "\"%s\":{\"description\":\"%s\",", code, words);
	add_content(content_types, type, out);
	str_add(out, "},");
}

static void add_answers(const struct place *p, enum operation o, struct str *out)
{
	AUTO_STR type;
	str_init(&type, NAME_SIZE_MAX);
	add_answer_type(p, o, &type);
	const char *name = is_text(p) ? NULL : type.data;
	const char *const *types = answer_types(p, o);
	str_add(out, ",\"responses\":{");
	add_answer("200", "OK", types, name, out);
	if (operations[o].is_created && !(p->kind->custom && o == OPERATION_PATCH))
		add_answer("201", "Created", types, name, out);
	if (operations[o].is_accepted)
		add_answer("202", "Accepted", types, name, out);
	str_add(out, "\"401\":{\"description\":\"Unauthorized\"}}");
}

static void add_body(const struct place *p, enum operation o, struct str *out)
{
	static const char *const any[] = { "*/*", NULL };
	static const char *const custom[] = { "application/json", "application/yaml", NULL };
	static const char *const patches[] = { "application/apply-patch+yaml",
					       "application/json-patch+json",
					       "application/merge-patch+json",
					       "application/strategic-merge-patch+json", NULL };
	static const char *const custom_patches[] = { "application/apply-patch+yaml",
						      "application/json-patch+json",
						      "application/merge-patch+json", NULL };
	const struct schema_kind *k = p->kind;
	bool writes = o == OPERATION_CREATE || o == OPERATION_REPLACE;
	bool deletes = o == OPERATION_DELETE || (o == OPERATION_DELETE_ALL && !k->custom);
	AUTO_STR type;
	str_init(&type, NAME_SIZE_MAX);
	if (!writes && !deletes && o != OPERATION_PATCH)
		return;
	str_add(out, ",\"requestBody\":{");
	if (o == OPERATION_PATCH) {
		add_content(k->custom ? custom_patches : patches, OPENAPI_META "Patch", out);
	} else {
		if (writes)
			add_object_type(p, &type);
		add_content(k->custom ? custom : any,
			    writes ? type.data : OPENAPI_META "DeleteOptions", out);
	}
	str_add(out, deletes ? "}" : ",\"required\":true}");
}

/* ---- operations ---- */

static void add_kind(const struct place *p, struct str *out)
{
	const struct schema_kind *k = p->kind;
	const struct subresource *s = p->sub && p->sub->kind && !k->custom ? p->sub : NULL;
	str_addf(out,
		 ",\"x-kubernetes-group-version-kind\":{\"group\":\"%s\",\"version\":\"%s\","
		 "\"kind\":\"%s\"}",
		 s ? s->group : k->group, s ? s->version : k->version, s ? s->kind : k->kind);
}

static uint64_t parameters_of(const struct place *p, enum operation o)
{
	bool is_stream = p->sub && subresource_is_stream(p->sub);
	uint64_t set = operations[o].parameters;
	if (!is_stream)
		set |= PARAMETER(PRETTY);
	if (p->is_of_object)
		set |= PARAMETER(NAME);
	if (p->kind->is_namespaced && !p->is_in_all)
		set |= PARAMETER(NAMESPACE);
	if (is_stream && streq(p->sub->name, "portforward"))
		set |= PARAMETER(PORTS);
	else if (is_stream)
		set |= STREAM_PARAMETERS;
	if (is_stream && streq(p->sub->name, "exec"))
		set |= PARAMETER(COMMAND);
	else if (is_text(p) && !is_stream)
		set |= LOG_PARAMETERS;
	if (p->kind->custom && o == OPERATION_READ)
		set |= PARAMETER(RESOURCE_VERSION);
	if (p->kind->custom && o == OPERATION_DELETE_ALL)
		set = (set & ~DELETE_PARAMETERS) | LIST_PARAMETERS;
	return set;
}

static void add_operation(const struct place *p, enum operation o, uint64_t common, struct str *out)
{
	const struct schema_kind *k = p->kind;
	str_addf(out, "\"%s\":{\"tags\":[\"", operations[o].method);
	openapi_tag(k->group, k->version, out);
	str_addf(out, "\"],\"description\":\"%s", operations[o].words);
	if (p->sub)
		str_addf(out, "%s of ", p->sub->name);
	str_addf(out, "%s.\",\"operationId\":\"", k->kind);
	add_name(p, o, out);
	str_add_char(out, '"');
	openapi_add_parameters(parameters_of(p, o) & ~common, k->kind, out);
	add_body(p, o, out);
	add_answers(p, o, out);
	str_addf(out, ",\"x-kubernetes-action\":\"%s\"", operations[o].action);
	add_kind(p, out);
	str_add_char(out, '}');
}

/* ---- paths ---- */

static void add_place(const struct place *p, bool *has_one, struct str *out)
{
	uint64_t common = ~(uint64_t)0;
	if (!p->count)
		return;
	str_add(out, *has_one ? ",\"" : "\"");
	*has_one = true;
	add_path(p, out);
	str_add(out, "\":{");
	for (size_t i = 0; i < p->count; i++)
		common &= parameters_of(p, p->does[i]);
	for (size_t i = 0; i < p->count; i++) {
		if (i)
			str_add_char(out, ',');
		add_operation(p, p->does[i], common, out);
	}
	openapi_add_parameters(common, p->kind->kind, out);
	str_add_char(out, '}');
}

/* What a path does, where the kind or its subresource has the verb. */
static void allow(struct place *p, const char *verb, enum operation o)
{
	assert(p->count < ARRAY_LEN(p->does));
	if (p->sub ? subresource_offers(p->sub, verb) : kind_offers(p->kind, verb))
		p->does[p->count++] = o;
}

static void allow_object(struct place *p)
{
	allow(p, "get", OPERATION_READ);
	allow(p, "update", OPERATION_REPLACE);
	if (!p->sub)
		allow(p, "delete", OPERATION_DELETE);
	allow(p, "patch", OPERATION_PATCH);
}

static void add_subresource(const struct schema_kind *k, const struct subresource *s, bool *has_one,
			    struct str *out)
{
	struct place p = { .kind = k, .sub = s, .is_of_object = true };
	if (subresource_is_stream(s)) {
		allow(&p, "get", OPERATION_CONNECT_GET);
		allow(&p, "create", OPERATION_CONNECT_POST);
	} else {
		allow_object(&p);
		allow(&p, "create", OPERATION_CREATE);
	}
	add_place(&p, has_one, out);
}

/* Paths that no client should need: custom kinds never had them. */
static void add_watches(const struct schema_kind *k, bool *has_one, struct str *out)
{
	for (int i = k->is_namespaced ? 0 : 1; i < 3; i++) {
		struct place p = {
			.kind = k, .is_watch = true, .is_in_all = i == 0, .is_of_object = i == 2
		};
		allow(&p, "watch", i == 2 ? OPERATION_WATCH : OPERATION_WATCH_LIST);
		add_place(&p, has_one, out);
	}
}

void openapi_add_paths(const struct schema_kind *k, bool has_one, struct str *out)
{
	const struct subresource *subs[SUBRESOURCES_MAX];
	struct place all = { .kind = k }, one = { .kind = k, .is_of_object = true };
	allow(&all, "list", OPERATION_LIST);
	allow(&all, "create", OPERATION_CREATE);
	allow(&all, "deletecollection", OPERATION_DELETE_ALL);
	add_place(&all, &has_one, out);
	allow_object(&one);
	add_place(&one, &has_one, out);
	size_t count = subresources_of(k, subs);
	for (size_t i = 0; i < count; i++)
		add_subresource(k, subs[i], &has_one, out);
	if (k->is_namespaced) {
		struct place everywhere = { .kind = k, .is_in_all = true };
		allow(&everywhere, "list", OPERATION_LIST);
		add_place(&everywhere, &has_one, out);
	}
	if (!k->custom)
		add_watches(k, &has_one, out);
}

void openapi_add_plain_path(const char *path, const char *tag, const char *operation,
			    const char *words, const char *type, const char *content_type,
			    struct str *out)
{
	const char *const one[] = { content_type, NULL };
	str_addf(out,
		 "\"%s\":{\"get\":{\"tags\":[\"%s\"],\"description\":\"%s\",\"operationId\":\"%s\","
		 "\"responses\":{",
		 path, tag, words, operation);
	add_answer("200", "OK", content_type ? one : built_in_types, type, out);
	str_add(out, "\"401\":{\"description\":\"Unauthorized\"}}}}");
}
