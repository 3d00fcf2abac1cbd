/*
 * two_ways.h - two servers of one seed that get the same requests, which one takes a shorter way for:
 * answers, warnings and what is stored must be equal to the last byte.
 */
#pragma once

#include "tests/support/api_world.h"
#include "tests/support/check.h"

#define RUN_MS           2000
#define ROW_VERSION_SIZE 24

static struct api_world straight, trees;
static size_t compared, made;

/* One way to say it, and another that the server takes the longer way for. */
struct way {
	const char *type, *body;
	size_t len;
};

/* Both answers, which are the same; the body of one. */
static inline char *both_ways(const char *what, const char *method, const char *target,
			      struct way one, struct way other)
{
	struct api_answer a, b;
	const char *body = one.body;
	api_world_send(&straight, straight.admin, method, target, one.type, NULL, one.body, one.len,
		       RUN_MS, &a);
	api_world_send(&trees, trees.admin, method, target, other.type, NULL, other.body, other.len,
		       RUN_MS, &b);
	if (a.status != b.status || !streq(a.body.data, b.body.data))
		fprintf(stderr, "%s: %s %s\n%s\n%d %s\n%d %s\n", what, method, target,
			body && *body == '{' ? body : "", a.status, a.body.data, b.status,
			b.body.data);
	CHECK_INT(a.status, b.status);
	CHECK_TEXT(what, a.body.data, b.body.data);
	CHECK_TEXT(what, a.headers.data, b.headers.data);
	char *text = xstrdup(a.body.data);
	compared++;
	made += a.status == 201;
	api_answer_fini(&a);
	api_answer_fini(&b);
	return text;
}

static inline char *both(const char *what, const char *method, const char *target, const char *body)
{
	size_t len = body ? strlen(body) : 0;
	return both_ways(what, method, target, (struct way){ "application/json", body, len },
			 (struct way){ "application/yaml", body, len });
}

/* A request; %s in its body stands for the version of the last answer, ' for ". */
struct row {
	const char *method, *target, *body;
};

/* NULL for no body; the caller's. */
static inline char *row_text(const char *body, const char *version)
{
	const char *at = body ? strstr(body, "%s") : NULL;
	char *text = !body ? NULL
		     : at  ? xasprintf("%.*s%s%s", (int)(at - body), body, version, at + 2)
			   : xstrdup(body);
	for (char *p = text; p && *p; p++)
		*p = *p == '\'' ? '"' : *p;
	return text;
}

static inline void row_version(const char *answer, char version[ROW_VERSION_SIZE])
{
	static const char head[] = "\"resourceVersion\":\"";
	const char *found = strstr(answer, head);
	if (found)
		(void)sscanf(found + sizeof head - 1, "%23[0-9]", version);
}
