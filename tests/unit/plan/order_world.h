/* order_world.h - graphs of dependencies drawn as words. */
#pragma once

#include "common/base/jsonx.h"
#include "common/plan/order_plan.h"
#include "tests/support/check.h"

/*
 * A graph is words: "a:b,c" is Deployment a that depends on b and c (its pods have label app=a);
 * "J/a:b" a Job; "S/x=a" a Service whose selector is app=a.
 */
struct drawn {
	struct order_graph *g;
	json_t *labels; /* keeps them alive */
};

static inline struct drawn draw(const char *text)
{
	struct drawn d = { order_graph_new(), json_array() };
	char *copy = xstrdup(text), *state = NULL;
	for (char *word = strtok_r(copy, " ", &state); word; word = strtok_r(NULL, " ", &state)) {
		bool is_service = starts_with(word, "S/"), is_job = starts_with(word, "J/");
		char *name = word + (is_service || is_job ? 2 : 0);
		char *rest = strpbrk(name, ":=");
		if (rest)
			*rest++ = '\0';
		json_t *labels = json_object();
		json_object_set_new(labels, "app", json_string(is_service ? rest : name));
		json_array_append_new(d.labels, labels);
		if (is_service) {
			order_add_service(d.g, name, labels);
			continue;
		}
		struct order_list list = { 0 };
		struct error err;
		CHECK_INT(order_parse(rest ? rest : "", &list, &err), 0);
		order_add_workload(d.g, order_kind_find(is_job ? "Job" : "Deployment"), name,
				   labels, &list);
	}
	free(copy);
	order_link(d.g);
	return d;
}

static inline void erase(struct drawn *d)
{
	order_graph_free(d->g);
	json_decref(d->labels);
}
