#include "controller/facts.h"

#include "common/base/map.h"
#include "common/base/time_text.h"

#include <stdio.h>

/* Without vowels and the characters that look alike, as the API's own generated names. */
static const char name_chars[] = "bcdfghjklmnpqrstvwxz2456789";

bool pod_is_terminating(const json_t *pod)
{
	return json_str(pod, "metadata.deletionTimestamp") != NULL;
}

bool pod_is_finished(const json_t *pod)
{
	const char *phase = json_str_or(pod, "status.phase", "");
	return streq(phase, "Succeeded") || streq(phase, "Failed");
}

bool pod_is_active(const json_t *pod)
{
	return !pod_is_finished(pod) && !pod_is_terminating(pod);
}

int64_t time_of(const json_t *o, const char *path)
{
	const char *text = json_str(o, path);
	int64_t us;
	return text && time_parse(text, &us) ? us : 0;
}

bool pod_is_ready(const json_t *pod, int64_t *ret_since_us)
{
	const json_t *c = condition_of(json_dig(pod, "status.conditions"), "Ready");
	if (!c || !streq(json_str_or(c, "status", ""), "True"))
		return false;
	if (ret_since_us)
		*ret_since_us = time_of(c, "lastTransitionTime");
	return true;
}

bool pod_is_available(const json_t *pod, int64_t min_ready_s, int64_t now_us, int64_t *ret_wait_ms)
{
	int64_t since_us = 0;
	if (!pod_is_ready(pod, &since_us))
		return false;
	int64_t left_us = since_us + min_ready_s * 1000000 - now_us;
	if (min_ready_s == 0 || left_us <= 0)
		return true;
	*ret_wait_ms = left_us / 1000 + 1;
	return false;
}

int64_t pod_restarts(const json_t *pod)
{
	int64_t most = 0;
	size_t i;
	json_t *c;
	json_array_foreach (json_dig(pod, "status.containerStatuses"), i, c)
		most = MAX(most, json_int_or(c, "restartCount", 0));
	return most;
}

/* ---- conditions ---- */

static size_t condition_at(const json_t *conditions, const char *type)
{
	size_t i;
	json_t *c;
	json_array_foreach (conditions, i, c) {
		if (streq(json_str_or(c, "type", ""), type))
			return i;
	}
	return SIZE_MAX;
}

const json_t *condition_of(const json_t *conditions, const char *type)
{
	size_t i = condition_at(conditions, type);
	return i == SIZE_MAX ? NULL : json_array_get(conditions, i);
}

bool condition_is(const json_t *conditions, const char *type, const char *status)
{
	const json_t *c = condition_of(conditions, type);
	return c && streq(json_str_or(c, "status", ""), status);
}

bool condition_set(json_t *conditions, const struct condition *c, int64_t now_us)
{
	char now[TIME_TEXT_SIZE];
	time_format(now_us, now);
	size_t at = condition_at(conditions, c->type);
	json_t *o = at == SIZE_MAX ? json_object() : json_deep_copy(json_array_get(conditions, at));
	bool turned = !streq(json_str_or(o, "status", ""), c->status);
	bool changed = turned || !streq(json_str_or(o, "reason", ""), c->reason) ||
		       !streq(json_str_or(o, "message", ""), c->message);
	json_put_str(o, "type", c->type);
	json_put_str(o, "status", c->status);
	if (*c->reason)
		json_put_str(o, "reason", c->reason);
	if (*c->message)
		json_put_str(o, "message", c->message);
	else
		json_drop(o, "message");
	if (turned)
		json_put_str(o, "lastTransitionTime", now);
	if (c->has_update_time)
		json_put_str(o, "lastUpdateTime", now);
	if (c->has_probe_time && turned)
		json_put_str(o, "lastProbeTime", now);
	if (at == SIZE_MAX)
		(void)json_array_append_new(conditions, o);
	else
		(void)json_array_set_new(conditions, at, o);
	return changed;
}

void condition_remove(json_t *conditions, const char *type)
{
	size_t at = condition_at(conditions, type);
	if (at != SIZE_MAX)
		(void)json_array_remove(conditions, at);
}

/* ---- owners ---- */

const json_t *controller_of(const json_t *object)
{
	size_t i;
	json_t *owner;
	json_array_foreach (json_dig(object, "metadata.ownerReferences"), i, owner) {
		if (json_bool_or(owner, "controller", false))
			return owner;
	}
	return NULL;
}

json_t *controller_reference(const char *api_version, const char *kind, const json_t *owner)
{
	json_t *o = json_object();
	json_put_str(o, "apiVersion", api_version);
	json_put_str(o, "kind", kind);
	json_put_str(o, "name", name_of(owner));
	json_put_str(o, "uid", uid_of(owner));
	json_put_bool(o, "controller", true);
	json_put_bool(o, "blockOwnerDeletion", true);
	return o;
}

bool has_finalizer(const json_t *object, const char *finalizer)
{
	size_t i;
	json_t *f;
	json_array_foreach (json_dig(object, "metadata.finalizers"), i, f) {
		if (json_is_string(f) && streq(json_string_value(f), finalizer))
			return true;
	}
	return false;
}

json_t *finalizers_without(const json_t *object, const char *finalizer)
{
	json_t *kept = json_array();
	size_t i;
	json_t *f;
	json_array_foreach (json_dig(object, "metadata.finalizers"), i, f) {
		if (json_is_string(f) && !streq(json_string_value(f), finalizer))
			(void)json_array_append(kept, f);
	}
	return kept;
}

json_t *finalizers_with(const json_t *object, const char *finalizer)
{
	json_t *all = finalizers_without(object, finalizer);
	(void)json_array_append_new(all, json_string(finalizer));
	return all;
}

const char *annotation_of(const json_t *object, const char *name)
{
	return json_member_str(json_dig(object, "metadata.annotations"), name);
}

const char *uid_of(const json_t *object)
{
	return json_str_or(object, "metadata.uid", "");
}

const char *name_of(const json_t *object)
{
	return json_str_or(object, "metadata.name", "");
}

const char *namespace_of(const json_t *object)
{
	return json_str_or(object, "metadata.namespace", "");
}

/* ---- names ---- */

void derived_suffix(const char *uid, int64_t slot, int64_t incarnation, char out[NAME_CHARS + 1])
{
	uint64_t words[3] = { hash_bytes(uid, strlen(uid)), (uint64_t)slot, (uint64_t)incarnation };
	uint64_t hash = hash_bytes(words, sizeof words);
	for (size_t i = 0; i < NAME_CHARS; i++) {
		out[i] = name_chars[hash % (sizeof name_chars - 1)];
		hash /= sizeof name_chars - 1;
	}
	out[NAME_CHARS] = '\0';
}

void template_hash(const json_t *template, int64_t collisions, char out[16])
{
	AUTO_STR text;
	str_init(&text, 16u << 20);
	json_print_sorted(template, &text);
	str_addf(&text, "#%lld", (long long)collisions);
	char digits[16];
	uint64_t hash = hash_bytes(text.data, text.len);
	int n = snprintf(digits, sizeof digits, "%u", (uint32_t)(hash ^ (hash >> 32)));
	size_t length = n > 0 ? (size_t)n : 0;
	for (size_t i = 0; i < length; i++)
		out[i] = name_chars[(size_t)digits[i] % (sizeof name_chars - 1)];
	out[length] = '\0';
}

int64_t int_or_percent(const json_t *value, int64_t total, bool round_up, int64_t otherwise)
{
	if (json_is_integer(value))
		return json_integer_value(value);
	if (!json_is_string(value))
		return otherwise;
	int64_t percent = strtoll(json_string_value(value), NULL, 10);
	int64_t product = percent * total;
	return product / 100 + (round_up && product % 100 != 0);
}
