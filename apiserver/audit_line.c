#include "apiserver/audit_line.h"
#include "common/base/jsonx.h"
#include "common/base/scan.h"
#include "common/base/time_text.h"
#include "schemas/json_text.h"

#define STATUS_MAX 65536 /* longer ones are told of by their code */

const char *const audit_level_names[AUDIT_LEVEL_COUNT] = { "None", "Metadata", "Request",
							   "RequestResponse" };
const char *const audit_stage_names[AUDIT_STAGE_COUNT] = { "RequestReceived", "ResponseStarted",
							   "ResponseComplete" };

static void add_text(struct str *out, const char *text)
{
	size_t n = strlen(text);
	if (utf8_is_valid(text, n)) {
		str_add_json(out, text, n);
		return;
	}
	AUTO_STR valid;
	str_init(&valid, 3 * n); /* a byte becomes three at the most */
	utf8_add_valid(&valid, text, n);
	str_add_json(out, valid.data, valid.len);
}

/* ,"name":"value" */
static void add_member(struct str *out, const char *name, const char *value)
{
	str_add(out, ",\"");
	str_add(out, name);
	str_add(out, "\":");
	add_text(out, value);
}

static void add_if(struct str *out, const char *name, const char *value)
{
	if (value && *value)
		add_member(out, name, value);
}

static void add_uri(struct str *out, const struct audit_event *e)
{
	str_add(out, ",\"requestURI\":");
	if (!*e->query) {
		add_text(out, e->path);
		return;
	}
	auto_free char *uri = xasprintf("%s?%s", e->path, e->query);
	add_text(out, uri);
}

static void add_user(struct str *out, const char *member, const struct identity *who)
{
	str_add(out, member);
	if (!who->name) { /* it was not found out */
		str_add(out, "{}");
		return;
	}
	str_add(out, "{\"username\":");
	add_text(out, who->name);
	add_if(out, "uid", who->uid);
	str_add(out, ",\"groups\":[");
	for (size_t i = 0; i < who->groups_count; i++) {
		if (i)
			str_add_char(out, ',');
		add_text(out, who->groups[i]);
	}
	str_add_char(out, ']');
	if (json_object_size(who->extra)) {
		str_add(out, ",\"extra\":");
		json_print(who->extra, out);
	}
	str_add_char(out, '}');
}

static void add_address(struct str *out, const char *address)
{
	const char *colon = strrchr(address, ':');
	size_t n = colon ? (size_t)(colon - address) : strlen(address);
	str_add(out, ",\"sourceIPs\":[");
	str_add_json(out, address, n);
	str_add_char(out, ']');
}

void audit_line_object(struct str *out, const struct target *t, const struct audit_object *sent)
{
	str_add(out, ",\"objectRef\":{");
	size_t from = out->len;
	add_if(out, "resource", t->resource);
	add_if(out, "namespace", t->ns && *t->ns ? t->ns : sent->ns);
	add_if(out, "name", t->name ? t->name : sent->name);
	add_if(out, "uid", sent->uid);
	add_if(out, "apiGroup", t->group);
	add_if(out, "apiVersion", t->version);
	add_if(out, "resourceVersion", sent->version);
	add_if(out, "subresource", t->subresource);
	str_add_char(out, '}');
	if (str_ok(out) && out->data[from] == ',') {
		memmove(out->data + from, out->data + from + 1, out->len - from);
		str_truncate(out, out->len - 1);
	}
}

/* What came of it: a Status that was answered, or the code alone. */
static void add_status(struct str *out, const struct audit_event *e)
{
	static const char begins[] = "{\"kind\":\"Status\"";
	static const char *const kept[] = { "status", "message", "reason", "details" };
	struct span answer = { e->answer, e->answer_len };
	bool is_status = answer.len > strlen(begins) && answer.len < STATUS_MAX &&
			 memcmp(answer.at, begins, strlen(begins)) == 0;
	str_add(out, ",\"responseStatus\":{\"metadata\":{}");
	for (size_t i = 0; is_status && i < ARRAY_LEN(kept); i++) {
		struct span value = scan_member(answer, kept[i]);
		if (value.at)
			audit_line_body(out, kept[i], value.at, value.len);
	}
	str_addf(out, ",\"code\":%d}", e->status);
}

static void add_annotations(struct str *out, const struct annotations *a)
{
	str_add(out, ",\"annotations\":{");
	for (size_t i = 0; i < a->count; i++) {
		if (i)
			str_add_char(out, ',');
		add_text(out, a->at[i].key);
		str_add_char(out, ':');
		add_text(out, a->at[i].value);
	}
	str_add_char(out, '}');
}

static size_t add_times(struct str *out, const struct audit_event *e)
{
	char text[TIME_TEXT_SIZE];
	time_format_micro(e->received_us, text);
	add_member(out, "requestReceivedTimestamp", text);
	str_add(out, ",\"stageTimestamp\":");
	size_t at = out->len + 1;
	time_format_micro(e->stage_us, text);
	add_text(out, text);
	return at;
}

size_t audit_line_begin(const struct audit_event *e, struct str *out)
{
	str_add(out, "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\"");
	add_member(out, "level", audit_level_names[e->level]);
	add_member(out, "auditID", e->id);
	add_member(out, "stage", audit_stage_names[e->stage]);
	add_uri(out, e);
	add_member(out, "verb", e->verb);
	add_user(out, ",\"user\":", e->user);
	if (e->impersonated)
		add_user(out, ",\"impersonatedUser\":", e->impersonated);
	if (e->address)
		add_address(out, e->address);
	add_if(out, "userAgent", e->agent);
	if (e->object_ref)
		str_add(out, e->object_ref);
	else if (e->target->is_resource)
		audit_line_object(out, e->target, &(struct audit_object){ 0 });
	if (e->stage != AUDIT_RECEIVED)
		add_status(out, e);
	size_t time_at = add_times(out, e);
	if (e->stage != AUDIT_RECEIVED && e->annotations->count)
		add_annotations(out, e->annotations);
	return time_at;
}

void audit_line_body(struct str *out, const char *member, const char *bytes, size_t len)
{
	size_t from = out->len;
	if (!str_ok(out))
		return;
	str_add(out, ",\"");
	str_add(out, member);
	str_add(out, "\":");
	if (!json_text_compact(bytes, len, out) || !str_ok(out))
		str_rewind(out, from);
}

void audit_line_end(struct str *out)
{
	str_add(out, "}\n");
}
