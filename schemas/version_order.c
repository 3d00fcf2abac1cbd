#include "schemas/kinds.h"

#include <ctype.h>

/* "v2beta1": { 2, 2 (stable 3, beta 2, alpha 1), 1 }. */
struct version {
	uint64_t major, level, minor;
};

static bool read_number(const char **p, uint64_t *ret)
{
	const char *start = *p;
	*ret = 0;
	for (; isdigit((unsigned char)**p) && *p - start < 18; (*p)++)
		*ret = *ret * 10 + (uint64_t)(**p - '0');
	return *p > start && *start != '0' && !isdigit((unsigned char)**p);
}

/* False: a name that Kubernetes does not take for a version. */
static bool read_version(const char *text, struct version *ret)
{
	static const char *const levels[] = { NULL, "alpha", "beta" };
	const char *p = text;
	*ret = (struct version){ .level = 3 };
	if (*p++ != 'v' || !read_number(&p, &ret->major))
		return false;
	if (!*p)
		return true;
	for (uint64_t i = 1; i < ARRAY_LEN(levels); i++)
		if (starts_with(p, levels[i])) {
			p += strlen(levels[i]);
			ret->level = i;
			return read_number(&p, &ret->minor) && !*p;
		}
	return false;
}

static int larger_first(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

int version_order(const char *a, const char *b)
{
	struct version x, y;
	bool is_x = read_version(a, &x), is_y = read_version(b, &y);
	if (!is_x || !is_y)
		return is_x ? -1 : is_y ? 1 : strcmp(a, b);
	int order = larger_first(x.level, y.level);
	if (!order)
		order = larger_first(x.major, y.major);
	return order ? order : larger_first(x.minor, y.minor);
}
