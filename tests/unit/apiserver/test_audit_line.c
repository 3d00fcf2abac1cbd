/* A line of the audit log, beside the same as a tree that jansson prints: each field, with texts that
 * want escapes, are no UTF-8, or are not there. */
#include "apiserver/audit_line.h"
#include "common/base/jsonx.h"
#include "common/base/time_text.h"
#include "schemas/json_text.h"
#include "tests/support/check.h"

#define LINE_MAX 65536

/* ---- the tree ---- */

static json_t *text_of(const char *text)
{
	return json_string_valid(text, strlen(text));
}

static void put(json_t *o, const char *name, const char *value)
{
	json_object_set_new(o, name, text_of(value));
}

static void put_if(json_t *o, const char *name, const char *value)
{
	if (value && *value)
		put(o, name, value);
}

static json_t *user_of(const struct identity *who)
{
	json_t *user = json_object(), *groups = json_array();
	if (!who->name) {
		json_decref(groups);
		return user;
	}
	put(user, "username", who->name);
	put_if(user, "uid", who->uid);
	for (size_t i = 0; i < who->groups_count; i++)
		json_array_append_new(groups, text_of(who->groups[i]));
	json_object_set_new(user, "groups", groups);
	if (json_object_size(who->extra))
		json_object_set(user, "extra", who->extra);
	return user;
}

static json_t *object_of(const struct audit_event *e, const struct audit_object *sent)
{
	json_t *o = json_object();
	const struct target *t = e->target;
	put_if(o, "resource", t->resource);
	put_if(o, "namespace", t->ns);
	put_if(o, "name", t->name ? t->name : sent->name);
	put_if(o, "uid", sent->uid);
	put_if(o, "apiGroup", t->group);
	put_if(o, "apiVersion", t->version);
	put_if(o, "resourceVersion", sent->version);
	put_if(o, "subresource", t->subresource);
	return o;
}

static json_t *status_of(const struct audit_event *e)
{
	static const char *const kept[] = { "status", "message", "reason", "details" };
	AUTO_JSON *answer = NULL;
	struct error err;
	json_t *o = json_pack("{s:{}}", "metadata");
	if (e->answer_len && json_parse(e->answer, e->answer_len, &answer, &err) == 0 &&
	    streq(json_str_or(answer, "kind", ""), "Status"))
		for (size_t i = 0; i < ARRAY_LEN(kept); i++)
			if (json_object_get(answer, kept[i]))
				json_object_set(o, kept[i], json_object_get(answer, kept[i]));
	json_put_int(o, "code", e->status);
	return o;
}

static void put_time(json_t *o, const char *name, int64_t us)
{
	char text[TIME_TEXT_SIZE];
	time_format_micro(us, text);
	put(o, name, text);
}

static json_t *event_of(const struct audit_event *e, const struct audit_object *sent)
{
	json_t *o = json_pack("{s:s,s:s}", "kind", "Event", "apiVersion", "audit.k8s.io/v1");
	auto_free char *uri = xasprintf("%s%s%s", e->path, *e->query ? "?" : "", e->query);
	put(o, "level", audit_level_names[e->level]);
	put(o, "auditID", e->id);
	put(o, "stage", audit_stage_names[e->stage]);
	put(o, "requestURI", uri);
	put(o, "verb", e->verb);
	json_object_set_new(o, "user", user_of(e->user));
	if (e->impersonated)
		json_object_set_new(o, "impersonatedUser", user_of(e->impersonated));
	if (e->address)
		json_object_set_new(o, "sourceIPs",
				    json_pack("[s%]", e->address, strcspn(e->address, ":")));
	put_if(o, "userAgent", e->agent);
	if (e->target->is_resource)
		json_object_set_new(o, "objectRef", object_of(e, sent));
	if (e->stage != AUDIT_RECEIVED)
		json_object_set_new(o, "responseStatus", status_of(e));
	put_time(o, "requestReceivedTimestamp", e->received_us);
	put_time(o, "stageTimestamp", e->stage_us);
	json_t *annotations = json_object();
	for (size_t i = 0; i < e->annotations->count; i++)
		put(annotations, e->annotations->at[i].key, e->annotations->at[i].value);
	if (e->stage != AUDIT_RECEIVED && e->annotations->count)
		json_object_set(o, "annotations", annotations);
	json_decref(annotations);
	return o;
}

/* jansson writes \u001F, the server \u001f. */
static void lower_escapes(struct str *s)
{
	for (char *at = s->data; (at = strstr(at, "\\u00")); at += 6)
		for (int i = 4; i < 6; i++)
			if (at[i] >= 'A' && at[i] <= 'F')
				at[i] = (char)(at[i] + 'a' - 'A');
}

static void compare(const char *row, const struct audit_event *e, const struct audit_object *sent)
{
	AUTO_STR line;
	AUTO_STR wanted;
	AUTO_JSON *tree = event_of(e, sent);
	char time[TIME_TEXT_SIZE];
	str_init(&line, LINE_MAX);
	str_init(&wanted, LINE_MAX);
	size_t at = audit_line_begin(e, &line);
	audit_line_end(&line);
	json_print(tree, &wanted);
	str_add_char(&wanted, '\n');
	lower_escapes(&wanted);
	CHECK_TEXT(row, line.data, wanted.data);
	time_format_micro(e->stage_us, time);
	CHECK(memcmp(line.data + at, time, strlen(time)) == 0 && line.data[at - 1] == '"');
}

/* ---- each field ---- */

static const char *const texts[] = {
	NULL,
	"",
	"plain",
	"say \"yes\" \\ no",
	"\b\f\n\r\t\x01\x1f\x7f",
	"</script>&'",
	"\xc3\xa9 \xe2\x80\xa8 \xe2\x80\xa9 \xf0\x9f\x90\xa2",
	"\xff",
	"no\xc3",
	"\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80 end",
	"\"stageTimestamp\":\"x\"",
};

/* One event, each text of which `which` may exchange. */
enum {
	ID,
	URL,
	QUERY,
	VERB,
	NAME,
	OWN_ID,
	GROUP,
	OTHER,
	AGENT,
	SENT_NAME,
	SENT_UID,
	SENT_VERSION,
	RESOURCE,
	NS,
	OBJECT,
	API_GROUP,
	VERSION,
	SUB,
	NOTE,
	FIELDS_COUNT,
};

static void compare_with(int which, const char *text, enum audit_stage stage, bool is_resource)
{
	const char *at[FIELDS_COUNT] = { "id",   "/api/v1/pods", "watch=1", "get",     "ann",
					 "u-1",  "dev",          "bob",     "kubectl", NULL,
					 NULL,   NULL,           "pods",    "default", "web",
					 "apps", "v1",           "exec",    "allow" };
	/* What is always there. */
	bool must_be = which != NAME && which != OWN_ID && which < AGENT;
	at[which] = !text && (must_be || which == NOTE) ? "" : text;
	if (which == SENT_NAME) /* because none was given */
		at[OBJECT] = NULL;
	char *groups[] = { (char *)(uintptr_t)at[GROUP], (char *)(uintptr_t) "other" };
	AUTO_JSON *extra = json_pack("{s:[s,s]}", "k\"ey", "one\n", "\xe2\x80\xa8");
	struct identity who = { .name = (char *)(uintptr_t)at[NAME],
				.uid = (char *)(uintptr_t)at[OWN_ID],
				.groups = groups,
				.groups_count = 2,
				.extra = extra };
	struct identity other = { .name = (char *)(uintptr_t)at[OTHER] };
	struct target target = { .is_resource = is_resource,
				 .resource = at[RESOURCE],
				 .ns = at[NS],
				 .name = at[OBJECT],
				 .group = at[API_GROUP],
				 .version = at[VERSION],
				 .subresource = at[SUB] };
	struct annotations notes = { .at = { { "first", (char *)(uintptr_t)at[NOTE] },
					     { "second", (char *)(uintptr_t) "2" } },
				     .count = 2 };
	const struct audit_object sent = { .name = at[SENT_NAME],
					   .uid = at[SENT_UID],
					   .version = at[SENT_VERSION] };
	AUTO_STR ref;
	str_init(&ref, LINE_MAX);
	if (is_resource && which >= SENT_NAME && which <= SENT_VERSION)
		audit_line_object(&ref, &target, &sent);
	struct audit_event e = { .level = AUDIT_METADATA,
				 .stage = stage,
				 .id = at[ID],
				 .path = at[URL],
				 .query = at[QUERY],
				 .verb = at[VERB],
				 .user = &who,
				 .impersonated = which == OTHER ? &other : NULL,
				 .address = "10.1.2.3:4567",
				 .agent = at[AGENT],
				 .target = &target,
				 .object_ref = ref.len ? ref.data : NULL,
				 .status = 200,
				 .received_us = 1790000000123456,
				 .stage_us = 1790000001000007,
				 .annotations = &notes };
	auto_free char *row = xasprintf("field %d of '%s'", which, text ? text : "(null)");
	compare(row, &e, &sent);
}

static void test_fields(void)
{
	for (int which = 0; which < FIELDS_COUNT; which++)
		for (size_t i = 0; i < ARRAY_LEN(texts); i++)
			for (int stage = 0; stage < AUDIT_STAGE_COUNT; stage++) {
				compare_with(which, texts[i], (enum audit_stage)stage, true);
				compare_with(which, texts[i], (enum audit_stage)stage, false);
			}
}

/* ---- what is not there ---- */

static struct identity nobody;
static struct target no_target;
static struct annotations no_annotations;
static const struct audit_object nothing_sent;

static struct audit_event least(void)
{
	return (struct audit_event){ .level = AUDIT_REQUEST,
				     .stage = AUDIT_COMPLETE,
				     .id = "id",
				     .path = "/",
				     .query = "",
				     .verb = "get",
				     .user = &nobody,
				     .target = &no_target,
				     .status = 404,
				     .annotations = &no_annotations };
}

static void test_absent(void)
{
	struct audit_event e = least();
	compare("nothing that may be absent", &e, &nothing_sent);
	no_target.is_resource = true;
	compare("an object of which nothing is known", &e, &nothing_sent);
	no_target.is_resource = false;
	e.address = "unix";
	compare("an address without a port", &e, &nothing_sent);
}

static void test_status(void)
{
	static const char *const answers[] = {
		"",
		"ok",
		"{\"kind\":\"Status\"}",
		"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
		"\"message\":\"pods \\\"a\\\" not\\u001f found\\n\xe2\x80\xa8\",\"reason\":\"NotFound\","
		"\"details\":{\"name\":\"a\",\"causes\":[{\"field\":\"x[0].y\"},{}]},\"code\":404}",
		"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Success\",\"code\":200}",
		"{\"kind\":\"Pod\",\"status\":{}}",
	};
	struct audit_event e = least();
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		e.answer = answers[i];
		e.answer_len = strlen(answers[i]);
		compare(answers[i], &e, &nothing_sent);
	}
}

/* ---- bodies ---- */

static void test_bodies(void)
{
	static const struct {
		const char *body, *line;
	} rows[] = {
		{ "", "{}\n" },
		{ "a: yaml", "{}\n" },
		{ "{\"a\":1} x", "{}\n" },
		{ "{ \"a\" :\n[ 1, 2 ] }\n", "{,\"requestObject\":{\"a\":[1,2]}}\n" },
		{ "{\"a\":\"a longer text than there is room for\"}", "{}\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_STR line;
		str_init(&line, 40);
		str_add(&line, "{");
		audit_line_body(&line, "requestObject", rows[i].body, strlen(rows[i].body));
		audit_line_end(&line);
		CHECK(str_ok(&line));
		CHECK_TEXT(rows[i].body, line.data, rows[i].line);
	}
}

int main(void)
{
	test_fields();
	test_absent();
	test_status();
	test_bodies();
	puts("ok");
	return 0;
}
