#include "controller/node_plan.h"

#include "common/base/time_text.h"
#include "controller/facts.h"
#include "controller/scheduler/scheduler_plan.h"

#include <stdio.h>

#define NOT_READY   "node.kubernetes.io/not-ready"
#define UNREACHABLE "node.kubernetes.io/unreachable"

bool node_plan_is_lost(const struct node_signs *s, int64_t *ret_wake_ms)
{
	int64_t left_ms = (s->has_signed ? NODE_GRACE_MS : NODE_STARTUP_MS) - s->silent_ms;
	*ret_wake_ms = left_ms > 0 ? left_ms : -1;
	return left_ms <= 0 && !streq(s->ready, "Unknown");
}

/* ---- taints ---- */

static const struct {
	const char *key, *effect, *condition, *status;
} rules[] = {
	{ NOT_READY, "NoSchedule", "Ready", "False" },
	{ NOT_READY, "NoExecute", "Ready", "False" },
	{ UNREACHABLE, "NoSchedule", "Ready", "Unknown" },
	{ UNREACHABLE, "NoExecute", "Ready", "Unknown" },
	{ "node.kubernetes.io/memory-pressure", "NoSchedule", "MemoryPressure", "True" },
	{ "node.kubernetes.io/disk-pressure", "NoSchedule", "DiskPressure", "True" },
	{ "node.kubernetes.io/pid-pressure", "NoSchedule", "PIDPressure", "True" },
	{ "node.kubernetes.io/network-unavailable", "NoSchedule", "NetworkUnavailable", "True" },
	{ "node.kubernetes.io/unschedulable", "NoSchedule", NULL, NULL },
};

static bool rule_holds(size_t i, const json_t *node)
{
	if (!rules[i].condition)
		return json_bool_or(node, "spec.unschedulable", false);
	return condition_is(json_dig(node, "status.conditions"), rules[i].condition,
			    rules[i].status);
}

static bool is_rule(size_t i, const json_t *taint)
{
	return streq(rules[i].key, json_str_or(taint, "key", "")) &&
	       streq(rules[i].effect, json_str_or(taint, "effect", ""));
}

json_t *node_plan_taints(const json_t *node, const char *now)
{
	json_t *wanted = json_array(), *taint;
	bool is_there[ARRAY_LEN(rules)] = { 0 };
	size_t i;
	json_array_foreach (json_dig(node, "spec.taints"), i, taint) {
		bool keep = true;
		for (size_t k = 0; k < ARRAY_LEN(rules); k++) {
			if (!is_rule(k, taint))
				continue;
			keep = rule_holds(k, node) && !is_there[k];
			is_there[k] = true;
		}
		if (keep)
			(void)json_array_append(wanted, taint);
	}
	for (size_t k = 0; k < ARRAY_LEN(rules); k++) {
		if (is_there[k] || !rule_holds(k, node))
			continue;
		taint = json_object();
		json_put_str(taint, "key", rules[k].key);
		json_put_str(taint, "effect", rules[k].effect);
		if (streq(rules[k].effect, "NoExecute"))
			json_put_str(taint, "timeAdded", now);
		(void)json_array_append_new(wanted, taint);
	}
	return wanted;
}

/* ---- eviction ---- */

static int64_t one_taint_ms(const json_t *tolerations, const json_t *taint, int64_t now_us)
{
	int64_t seconds = -1;
	bool is_tolerated = false, is_for_ever = false;
	size_t i;
	json_t *toleration;
	json_array_foreach (tolerations, i, toleration) {
		if (!sched_tolerates(toleration, taint))
			continue;
		is_tolerated = true;
		const json_t *limit = json_object_get(toleration, "tolerationSeconds");
		if (!limit)
			is_for_ever = true;
		else if (seconds < 0 || json_integer_value(limit) < seconds)
			seconds = MAX(json_integer_value(limit), (json_int_t)0);
	}
	if (!is_tolerated)
		return 0;
	if (seconds < 0)
		return is_for_ever ? -1 : 0;
	int64_t added_us = time_of(taint, "timeAdded");
	int64_t left_us = (added_us ? added_us : now_us) + seconds * 1000000 - now_us;
	return left_us > 0 ? left_us / 1000 + 1 : 0;
}

int64_t node_plan_evict_in_ms(const json_t *pod, const json_t *taints, int64_t now_us)
{
	int64_t soonest = -1;
	size_t i;
	json_t *taint;
	json_array_foreach (taints, i, taint) {
		if (!streq(json_str_or(taint, "effect", ""), "NoExecute"))
			continue;
		int64_t ms = one_taint_ms(json_dig(pod, "spec.tolerations"), taint, now_us);
		if (ms >= 0 && (soonest < 0 || ms < soonest))
			soonest = ms;
	}
	return soonest;
}

/* ---- ranges ---- */

static bool parse_range(const char *text, uint32_t *ret_address, int *ret_bits)
{
	unsigned a, b, c, d;
	int bits, used = 0;
	if (sscanf(text, "%3u.%3u.%3u.%3u/%2d%n", &a, &b, &c, &d, &bits, &used) != 5 ||
	    text[used] != '\0' || a > 255 || b > 255 || c > 255 || d > 255 || bits < 1 || bits > 32)
		return false;
	uint32_t mask = bits == 32 ? UINT32_MAX : ~(UINT32_MAX >> bits);
	*ret_address = (a << 24 | b << 16 | c << 8 | d) & mask;
	*ret_bits = bits;
	return true;
}

static bool overlaps(uint32_t a, int a_bits, uint32_t b, int b_bits)
{
	int bits = MIN(a_bits, b_bits);
	uint32_t mask = bits == 32 ? UINT32_MAX : ~(UINT32_MAX >> bits);
	return (a & mask) == (b & mask);
}

bool node_plan_range(const char *cidr, int bits, const char *const *taken, size_t n, char out[32])
{
	uint32_t base, other;
	int base_bits, other_bits;
	if (!parse_range(cidr, &base, &base_bits) || base_bits > bits)
		return false;
	uint64_t count = 1ull << (bits - base_bits);
	for (uint64_t k = 0; k < count; k++) {
		uint32_t address = base + (uint32_t)(k << (32 - bits));
		bool is_free = true;
		for (size_t i = 0; i < n && is_free; i++)
			is_free = !parse_range(taken[i], &other, &other_bits) ||
				  !overlaps(address, bits, other, other_bits);
		if (!is_free)
			continue;
		int length = snprintf(out, 32, "%u.%u.%u.%u/%d", address >> 24, address >> 16 & 255,
				      address >> 8 & 255, address & 255, bits);
		return length > 0 && length < 32;
	}
	return false;
}
