#include "schemas/path.h"

#define PATH_TEXT_MAX 8192

void path_text(const struct path *p, bool with_indexes, struct str *out)
{
	if (!p)
		return;
	path_text(p->up, with_indexes, out);
	if (p->kind == PATH_ENTRY && !with_indexes)
		return;
	switch (p->kind) {
	case PATH_ENTRY:
	case PATH_NAME:
		if (out->len)
			str_add_char(out, '.');
		if (p->embedded && !with_indexes)
			str_addf(out, "%s.", p->embedded);
		str_add(out, p->name);
		break;
	case PATH_INDEX:
		if (with_indexes)
			str_addf(out, "[%zu]", p->index);
		break;
	case PATH_KEY:
		str_addf(out, "[%s]", p->name);
		break;
	}
}

char *path_dup(const struct path *p)
{
	AUTO_STR out;
	str_init(&out, PATH_TEXT_MAX);
	path_text(p, true, &out);
	return str_take(&out);
}
