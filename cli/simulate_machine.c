/* --servers: a number of servers, or nodes with amounts. */
#include "cli/simulate_run.h"
#include "schemas/quantity.h"

#include <errno.h>
#include <stdio.h>

void machine_fini(struct machine *m)
{
	free(m->places);
	for (size_t i = 0; i < QUEUE_RESOURCES_MAX; i++)
		free(m->names[i]);
	*m = (struct machine){ 0 };
}

static bool is_number(const char *text)
{
	return text[strspn(text, "0123456789")] == 0;
}

int simulate_servers_count(const struct simulate_options *o, int64_t *ret, struct error *err)
{
	const char *text = o->servers ? o->servers : "1";
	char *end;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	if (end == text || *end || errno || n < 1 || n > 1000000000)
		return error_set(err, ERR_INVALID,
				 "--servers is a number from 1 to 1000000000, not '%s'", text);
	*ret = n;
	return 0;
}

static int resource_number(struct machine *m, const char *name, size_t len, uint32_t *ret,
			   struct error *err)
{
	for (uint32_t i = 0; i < m->resources_count; i++)
		if (strlen(m->names[i]) == len && strncmp(m->names[i], name, len) == 0) {
			*ret = i;
			return 0;
		}
	if (len == 0 || len > 63)
		return error_set(err, ERR_INVALID, "--servers: a resource has a name: cpu=4");
	if (m->resources_count == QUEUE_RESOURCES_MAX)
		return error_set(err, ERR_LIMIT, "--servers: more than %d different resources",
				 QUEUE_RESOURCES_MAX);
	*ret = m->resources_count;
	m->names[m->resources_count++] = xstrndup(name, len);
	return 0;
}

/* "cpu=4,memory=8Gi" into a row as wide as can be. */
static int read_node(struct machine *m, char *text, int64_t *row, struct error *err)
{
	char *rest = NULL;
	for (char *p = strtok_r(text, ",", &rest); p; p = strtok_r(NULL, ",", &rest)) {
		char canonical[QUANTITY_TEXT_SIZE];
		uint32_t r = 0;
		char *value = strchr(p, '=');
		if (!value || !quantity_canonical(value + 1, canonical))
			return error_set(err, ERR_INVALID,
					 "--servers: '%s' is no amount: write cpu=4 or memory=8Gi",
					 p);
		if (resource_number(m, p, (size_t)(value - p), &r, err) < 0)
			return err->code;
		row[r] = quantity_milli(value + 1);
		if (row[r] <= 0 || row[r] > QUEUE_TIME_MAX / 1024)
			return error_set(err, ERR_INVALID,
					 "--servers: '%s': nothing could ever run with that", p);
	}
	return 0;
}

static int add_nodes(struct machine *m, char *text, int64_t (**wide)[QUEUE_RESOURCES_MAX],
		     struct error *err)
{
	int64_t row[QUEUE_RESOURCES_MAX] = { 0 };
	char *star = strchr(text, '*');
	long long times = 1;
	if (star) {
		*star = 0;
		times = is_number(text) && *text ? strtoll(text, NULL, 10) : 0;
		text = star + 1;
	}
	if (times < 1 || times > RUN_PLACES_MAX || m->places_count + times > RUN_PLACES_MAX)
		return error_set(err, ERR_INVALID, "--servers: 1 to %d nodes", RUN_PLACES_MAX);
	if (read_node(m, text, row, err) < 0)
		return err->code;
	*wide = xrealloc(*wide, m->places_count + (size_t)times, sizeof **wide);
	for (; times > 0; times--)
		memcpy((*wide)[m->places_count++], row, sizeof row);
	return 0;
}

static int read_nodes(struct machine *m, const char *text, struct error *err)
{
	auto_free char *copy = xstrdup(text);
	auto_free int64_t(*wide)[QUEUE_RESOURCES_MAX] = NULL;
	char *rest = NULL;
	for (char *p = strtok_r(copy, ";", &rest); p; p = strtok_r(NULL, ";", &rest))
		if (add_nodes(m, p, &wide, err) < 0)
			return err->code;
	if (m->places_count == 0 || m->resources_count == 0)
		return error_set(err, ERR_INVALID, "--servers names no node");
	m->places = xcalloc((size_t)m->places_count * m->resources_count, sizeof *m->places);
	for (uint32_t i = 0; i < m->places_count; i++)
		memcpy(&m->places[(size_t)i * m->resources_count], wide[i],
		       m->resources_count * sizeof *m->places);
	return 0;
}

int machine_parse(const char *text, struct machine *ret, struct error *err)
{
	AUTO_MACHINE m = { 0 };
	if (!text || !strchr(text, '=')) {
		struct simulate_options o = { .servers = text };
		int64_t n;
		if (simulate_servers_count(&o, &n, err) < 0)
			return error_wrap(err, "%s",
					  text && *text && !is_number(text)
						  ? "neither a number nor nodes (cpu=4;cpu=2)"
						  : "no servers");
		m.servers = (uint32_t)n;
	} else if (read_nodes(&m, text, err) < 0) {
		return err->code;
	}
	*ret = m;
	m = (struct machine){ 0 };
	return 0;
}
