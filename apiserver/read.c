#include "apiserver/read.h"
#include "apiserver/server_internal.h"
#include "schemas/names.h"

int read_version(const struct request *r, bool *ret_is_set, uint64_t *ret, struct failure *f)
{
	const char *v = query_get(&r->query, "resourceVersion");
	*ret_is_set = v && *v;
	*ret = 0;
	if (!*ret_is_set)
		return 0;
	const char *p = v;
	bool is_over = false;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');
		is_over |= *ret > (UINT64_MAX - digit) / 10;
		*ret = *ret * 10 + digit;
	}
	if (*p || is_over)
		return fail_bad_request(
			f,
			"invalid resource version: resourceVersion: Invalid value: \"%s\": "
			"strconv.ParseUint: parsing \"%s\": %s",
			v, v, *p ? "invalid syntax" : "value out of range");
	return 0;
}

static bool is_known_field(const struct schema_kind *kind, const char *path)
{
	if (streq(path, "metadata.name") ||
	    (streq(path, "metadata.namespace") && kind->is_namespaced))
		return true;
	for (size_t i = 0; kind->field_labels && kind->field_labels[i]; i++)
		if (streq(kind->field_labels[i], path))
			return true;
	return false;
}

static int check_fields(const struct selection *s, struct failure *f)
{
	bool has_more = s->kind->field_labels && s->kind->field_labels[0];
	for (size_t i = 0; i < s->fields.count; i++) {
		const char *path = s->fields.terms[i].key;
		if (is_known_field(s->kind, path))
			continue;
		if (has_more)
			return fail_bad_request(f, "field label not supported: %s", path);
		return fail_bad_request(f,
					"\"%s\" is not a known field selector: only "
					"\"metadata.name\", \"metadata.namespace\"",
					path);
	}
	return 0;
}

static int refuse_label(struct failure *f, const char *where, const char *text,
			const char *const *problems, size_t n)
{
	AUTO_STR why;
	str_init(&why, 4096);
	for (size_t i = 0; i < n; i++)
		str_addf(&why, "%s%s", i ? "; " : "", problems[i]);
	return fail_bad_request(f, "unable to parse requirement: %s: Invalid value: \"%s\": %s",
				where, text, why.data);
}

/* Keys and values that no label can have. */
static int check_labels(const struct selector *labels, struct failure *f)
{
	const char *problems[NAME_PROBLEMS_MAX];
	for (size_t i = 0; i < labels->count; i++) {
		const struct selector_term *t = &labels->terms[i];
		size_t n = name_label_key(t->key, problems);
		if (n)
			return refuse_label(f, "<nil>", t->key, problems, n);
		for (size_t k = 0; k < t->values_count; k++) {
			n = name_label_value(t->values[k], problems);
			auto_free char *where = xasprintf("values[%zu][%s]", k, t->key);
			if (n)
				return refuse_label(f, where, t->values[k], problems, n);
		}
	}
	return 0;
}

int selection_init(struct selection *s, const struct request *r, struct failure *f)
{
	*s = (struct selection){ .kind = r->target.kind };
	const char *labels = query_get(&r->query, "labelSelector");
	const char *fields = query_get(&r->query, "fieldSelector");
	struct error err;
	if (selector_parse(labels ? labels : "", &s->labels, &err) < 0 ||
	    field_selector_parse(fields ? fields : "", &s->fields, &err) < 0) {
		selection_fini(s);
		return fail_bad_request(f, "%s", err.text);
	}
	if (check_labels(&s->labels, f) < 0 || check_fields(s, f) < 0) {
		selection_fini(s);
		return -1;
	}
	for (size_t i = 0; i < s->fields.count; i++) {
		char *label = schema_stored_label(s->kind, s->fields.terms[i].key);
		free(s->fields.terms[i].key);
		s->fields.terms[i].key = label;
	}
	const struct schema_kind *stored = schema_storage(s->kind);
	const char *group = *stored->group ? stored->group : "core";
	bool one_ns = s->kind->is_namespaced && r->target.ns;
	s->prefix = xasprintf("o/%s/%s/%s%s", group, s->kind->resource, one_ns ? r->target.ns : "",
			      one_ns || !s->kind->is_namespaced ? "/" : "");
	/* A watch on one name, old style: …/watch/…/pods/NAME. */
	if (r->target.name && !r->target.subresource) {
		auto_free char *key = object_key(s->kind, r->target.ns, r->target.name);
		free(s->prefix);
		s->prefix = TAKE(key);
	}
	return 0;
}

void selection_fini(struct selection *s)
{
	selector_fini(&s->labels);
	selector_fini(&s->fields);
	free(s->prefix);
	s->prefix = NULL;
}

bool selection_has(const struct selection *s, const struct object *o)
{
	return starts_with(o->key, s->prefix) && object_matches(o, &s->labels, &s->fields);
}

struct rendering rendering_of(const struct request *r)
{
	struct rendering how = { .as = r->accept.as,
				 .kind = r->target.kind,
				 .omits_owners = render_omits_owners(r) };
	memcpy(how.as_version, r->accept.as_version, sizeof how.as_version);
	(void)render_include(&r->query, &how.include); /* checked when the request came */
	return how;
}

/* ---- GET ---- */

static void get_now(void *ctx, const struct error *err)
{
	struct request *r = ctx;
	struct failure f = { 0 };
	struct object *o =
		err ? NULL
		    : hub_get(r->server->hub, r->target.kind,
			      r->target.kind->is_namespaced ? r->target.ns : NULL, r->target.name);
	if (o) {
		reply_object(r, 200, o, 0);
		return;
	}
	bool is_set;
	uint64_t version = 0;
	int code = read_version(r, &is_set, &version, &f); /* as it was before */
	if (err && err->code == ERR_LIMIT && code == 0 && version)
		fail_too_large_version(&f, version, hub_version(r->server->hub));
	else if (err)
		fail_unavailable(&f, "%s", err->text);
	else
		fail_not_found(&f, r->target.kind, r->target.name);
	reply_failure(r, &f);
}

void serve_get(struct request *r)
{
	struct failure f = { 0 };
	bool is_set;
	uint64_t version;
	if (read_version(r, &is_set, &version, &f) < 0) {
		reply_failure(r, &f);
		return;
	}
	r->x->is_brief = !is_set;
	if (!is_set)
		hub_when_fresh(r->server->hub, get_now, r);
	else if (version <= hub_version(r->server->hub))
		get_now(r, NULL);
	else
		hub_when(r->server->hub, version / STORE_PLACES, LIST_WAIT_MS, get_now, r);
}
