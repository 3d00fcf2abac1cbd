/* When a Job has succeeded: the indexes that one rule of its policy names, and how many. */
#include "schemas/rule.h"

#include <ctype.h>
#include <errno.h>

#define INDEXES_SIZE_MAX 65536

/* A whole number and nothing else. */
static bool read_index(const char *text, int64_t *ret)
{
	char *end;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	*ret = n;
	return *text && !*end && errno == 0 && !isspace((unsigned char)*text) && n <= INT32_MAX &&
	       n >= INT32_MIN;
}

/* "3" or "3-5" behind `last`. What is wrong, or NULL. */
static char *read_interval(const char *text, int64_t completions, int64_t *last, int64_t *total)
{
	int64_t bounds[2] = { 0 };
	const char *dash = strchr(text, '-');
	auto_free char *first = xstrndup(text, dash ? (size_t)(dash - text) : strlen(text));
	const char *parts[2] = { first, dash ? dash + 1 : NULL };
	if (dash && strchr(dash + 1, '-'))
		return xasprintf(
			"the fragment \"%s\" violates the requirement that an index interval "
			"can have at most two parts separated by '-'",
			text);
	for (size_t i = 0; i < ARRAY_LEN(parts) && parts[i]; i++) {
		if (!read_index(parts[i], &bounds[i]))
			return xasprintf("cannot convert string to integer for index: \"%s\"",
					 parts[i]);
		if (bounds[i] >= completions)
			return xasprintf("too large index: \"%s\"", parts[i]);
		if (i == 1 && bounds[0] >= bounds[1])
			return xasprintf("non-increasing order, previous: %lld, current: %lld",
					 (long long)bounds[0], (long long)bounds[1]);
		if (i == 0 && bounds[0] <= *last)
			return xasprintf("non-increasing order, previous: %lld, current: %lld",
					 (long long)*last, (long long)bounds[0]);
	}
	if (!dash)
		bounds[1] = bounds[0];
	*last = bounds[1];
	*total += bounds[1] - bounds[0] + 1;
	return NULL;
}

/* "0,2-5": how many; 0 where it is no such list, which is said. */
static int64_t count_indexes(const char *text, int64_t completions, const struct path *at,
			     struct field_errors *e)
{
	int64_t last = -1, total = 0;
	for (const char *p = text; *text && p;) {
		size_t n = strcspn(p, ",");
		auto_free char *one = xstrndup(p, n);
		auto_free char *problem = read_interval(one, completions, &last, &total);
		if (problem) {
			rule_bad_text(e, FIELD_INVALID, at, text,
				      "error parsing succeededIndexes: %s", problem);
			return 0;
		}
		p = p[n] ? p + n + 1 : NULL;
	}
	return total;
}

void validate_success_rule(const json_t *rule, int64_t completions, const struct path *at,
			   struct field_errors *e)
{
	const json_t *count = json_object_get(rule, "succeededCount");
	const char *indexes = json_str(rule, "succeededIndexes");
	if (!count && !json_object_get(rule, "succeededIndexes"))
		rule_broken(e, FIELD_REQUIRED, at, NULL,
			    "at least one of succeededCount or succeededIndexes must be "
			    "specified");
	rule_at_least(e, at, rule, "succeededCount", 0);
	int64_t chosen = 0;
	if (indexes && strlen(indexes) > INDEXES_SIZE_MAX)
		rule_broken(e, FIELD_TOO_LONG, PATH(at, "succeededIndexes"), NULL,
			    "may not be more than %d bytes", INDEXES_SIZE_MAX);
	if (indexes)
		chosen = count_indexes(indexes, completions, PATH(at, "succeededIndexes"), e);
	if (count && indexes && json_integer_value(count) > chosen)
		rule_broken(e, FIELD_INVALID, PATH(at, "succeededCount"), count,
			    "must be less than or equal to %lld (the number of indexes in the "
			    "specified succeededIndexes field)",
			    (long long)chosen);
	if (json_integer_value(count) > completions)
		rule_broken(e, FIELD_INVALID, PATH(at, "succeededCount"), count,
			    "must be less than or equal to %lld (the number of specified "
			    "completions)",
			    (long long)completions);
}
