/* Which elements of a list are the same: by sorting, for a body holds some hundred thousand. */
#include "schemas/rule.h"

#define MEMBERS_MAX 4
#define FEW         12 /* so many are compared as they stand */

struct key {
	const char *texts[MEMBERS_MAX];
	char *owned[MEMBERS_MAX]; /* of what is no text */
	size_t i;
};

/* The text, or the value as it is printed; nothing and 0 are "". */
static const char *text_of(const json_t *value, char **ret_owned)
{
	if (json_is_string(value))
		return json_string_value(value);
	if (!value || (json_is_integer(value) && json_integer_value(value) == 0))
		return "";
	AUTO_STR text;
	str_init(&text, 64u << 20);
	json_print_sorted(value, &text);
	return *ret_owned = str_take(&text);
}

static int same_order(const struct key *a, const struct key *b)
{
	int order = 0;
	for (size_t m = 0; m < MEMBERS_MAX && a->texts[m] && order == 0; m++)
		order = strcmp(a->texts[m], b->texts[m]);
	return order;
}

static int by_key(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order = same_order(x, y);
	return order ? order : (x->i > y->i) - (x->i < y->i);
}

static struct key *keys_of(const json_t *list, const char *const *members, size_t n)
{
	struct key *keys = xcalloc(n + 1, sizeof *keys);
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(list, i);
		struct key *key = &keys[i];
		key->i = i;
		if (!*members)
			key->texts[0] = text_of(one, &key->owned[0]);
		for (size_t m = 0; m < MEMBERS_MAX && members[m]; m++)
			key->texts[m] = text_of(json_dig(one, members[m]), &key->owned[m]);
	}
	return keys;
}

/* Keys in the list's order. */
static void compare_few(const struct key *keys, size_t n, size_t *firsts)
{
	for (size_t i = 0; i < n; i++) {
		firsts[i] = i;
		for (size_t k = 0; k < i && firsts[i] == i; k++)
			if (same_order(&keys[k], &keys[i]) == 0)
				firsts[i] = k;
	}
}

size_t *rule_firsts_of(const json_t *list, const char *const *members)
{
	size_t n = json_array_size(list);
	size_t *firsts = xcalloc(n + 1, sizeof *firsts);
	struct key *keys = keys_of(list, members, n);
	if (n <= FEW) {
		compare_few(keys, n, firsts);
	} else {
		qsort(keys, n, sizeof *keys, by_key);
		for (size_t i = 0; i < n; i++) {
			bool is_new = i == 0 || same_order(&keys[i - 1], &keys[i]) != 0;
			firsts[keys[i].i] = is_new ? keys[i].i : firsts[keys[i - 1].i];
		}
	}
	for (size_t i = 0; i < n; i++)
		for (size_t m = 0; m < MEMBERS_MAX; m++)
			free(keys[i].owned[m]);
	free(keys);
	return firsts;
}

bool rule_is_again(size_t **firsts, const json_t *list, size_t i, const char *member)
{
	const json_t *one = json_array_get(list, i);
	const char *name = member ? json_str_or(one, member, "") : json_string_value(one);
	if (!name || !*name)
		return false;
	if (!*firsts)
		*firsts = rule_firsts_of(list, (const char *const[]){ member, NULL });
	return (*firsts)[i] != i;
}

/* ---- finding ---- */

static int by_text(const void *a, const void *b)
{
	const struct rule_place *x = a, *y = b;
	int order = strcmp(x->text, y->text);
	return order ? order : (x->place > y->place) - (x->place < y->place);
}

void rule_names_init(struct rule_names *names, const json_t *list, const char *member)
{
	size_t n = json_array_size(list);
	*names = (struct rule_names){ xcalloc(n + 1, sizeof *names->at), n };
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(list, i);
		const char *text = member ? json_str(one, member) : json_string_value(one);
		names->at[i] = (struct rule_place){ text ? text : "", i };
	}
	qsort(names->at, n, sizeof *names->at, by_text);
}

void rule_names_fini(struct rule_names *names)
{
	free(names->at);
	*names = (struct rule_names){ 0 };
}

size_t rule_names_sorted(const struct rule_names *names, const char *text)
{
	size_t low = 0, high = names->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(names->at[middle].text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t rule_names_find(const struct rule_names *names, const char *text)
{
	size_t k = rule_names_sorted(names, text);
	return k < names->count && streq(names->at[k].text, text) ? names->at[k].place
								  : RULE_NOWHERE;
}

bool rule_names_has(const struct rule_names *names, const char *text)
{
	return rule_names_find(names, text) != RULE_NOWHERE;
}
