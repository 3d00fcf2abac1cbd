#include "tests/support/api_rows.h"

#include <stdio.h>

struct http_transport *api_rows_connect(struct api_world *w, const char *as)
{
	const char *slash = strchr(as, '/');
	auto_free char *cn = slash ? xstrndup(as, (size_t)(slash - as)) : xstrdup(as);
	struct sim_peer peer = { .cn = *cn ? cn : NULL, .org = slash ? slash + 1 : NULL };
	return sim_transport_new(w->loop, w->rng, &peer, server_handle, w->server, NULL);
}

static bool holds_all(const char *text, const char *has)
{
	bool good = true;
	auto_free char *pieces = xstrdup(has);
	char *rest = pieces;
	for (char *piece; (piece = rest) != NULL;) {
		char *amp = strstr(piece, " & ");
		rest = amp ? amp + 3 : NULL;
		if (amp)
			*amp = '\0';
		bool wanted = *piece != '!';
		good &= (strstr(text, wanted ? piece : piece + 1) != NULL) == wanted;
	}
	return good;
}

static const char *patch_type(const struct api_row *row)
{
	if (strcmp(row->method, "PATCH") != 0)
		return NULL;
	return row->body[0] == '[' ? "application/json-patch+json" : "application/merge-patch+json";
}

/* "Name: value\nName: value" into the world's extra headers; cuts the text. */
static void set_headers(struct api_world *w, char *text)
{
	w->extra_count = 0;
	for (char *line; (line = strsep(&text, "\n"));) {
		char *colon = strstr(line, ": ");
		if (!colon || w->extra_count == API_WORLD_EXTRA_MAX)
			abort();
		*colon = '\0';
		w->extra[w->extra_count++] = (struct http_header){ line, colon + 2 };
	}
}

static void run_one(struct api_world *w, const struct api_row *row)
{
	struct api_answer a;
	auto_free char *as = xstrdup(row->as ? row->as : "@");
	char *bar = strchr(as, '|');
	if (bar)
		*bar = '\0';
	set_headers(w, bar ? bar + 1 : NULL);
	bool is_admin = streq(as, "@");
	struct http_transport *t = is_admin ? w->admin : api_rows_connect(w, as);
	api_world_call(w, t, row->method, row->target, patch_type(row), NULL, row->body, 20000, &a);
	w->extra_count = 0;
	str_addf(&a.headers, "%s", a.body.data);
	if (a.status != row->status || !holds_all(a.headers.data, row->has)) {
		fprintf(stderr, "row '%s': got %d, expected %d with: %s\n%s\n", row->name, a.status,
			row->status, row->has, a.headers.data);
		exit(1);
	}
	api_answer_fini(&a);
	if (!is_admin)
		http_transport_free(t);
}

void api_rows_run(struct api_world *w, const struct api_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		run_one(w, &rows[i]);
}
