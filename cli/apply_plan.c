#include "cli/apply_plan.h"
#include "common/plan/order_plan.h"

enum rank { RANK_NAMESPACE, RANK_DEFINITION, RANK_OTHER, RANK_WORKLOAD, RANK_COUNT };

static enum rank rank_of(const json_t *tree)
{
	const char *kind = json_str_or(tree, "kind", "");
	if (streq(kind, "Namespace"))
		return RANK_NAMESPACE;
	if (streq(kind, "CustomResourceDefinition") || streq(kind, "PriorityClass") ||
	    streq(kind, "StorageClass"))
		return RANK_DEFINITION;
	const struct order_kind *k = order_kind_find(kind);
	return k && k->pod_labels ? RANK_WORKLOAD : RANK_OTHER;
}

static const char *namespace_of(const json_t *tree, const char *ns)
{
	return json_str_or(tree, "metadata.namespace", ns);
}

/* The workloads of one namespace; is_done marks those that are in `ret`. */
static size_t add_workloads(const json_t *const *trees, size_t n, const char *ns,
			    const char *this_ns, bool *is_done, size_t *ret)
{
	AUTO(order_graph) *g = order_graph_new();
	size_t *node_tree = xcalloc(n, sizeof *node_tree), *order = xcalloc(n, sizeof *order);
	size_t count = 0;
	for (size_t i = 0; i < n; i++) {
		const char *kind = json_str_or(trees[i], "kind", "");
		if (!order_kind_find(kind) || !streq(namespace_of(trees[i], ns), this_ns))
			continue;
		size_t node = order_add_object(g, kind, trees[i]);
		if (node != ORDER_NONE && rank_of(trees[i]) == RANK_WORKLOAD)
			node_tree[node] = i;
	}
	order_link(g);
	order_sort(g, order);
	for (size_t i = 0; i < g->nodes_count; i++) {
		ret[count++] = node_tree[order[i]];
		is_done[node_tree[order[i]]] = true;
	}
	free(node_tree);
	free(order);
	return count;
}

void apply_order(const json_t *const *trees, size_t n, const char *ns, size_t *ret)
{
	size_t count = 0;
	auto_free bool *is_done = xcalloc(n, sizeof *is_done);
	for (enum rank rank = 0; rank < RANK_WORKLOAD; rank++)
		for (size_t i = 0; i < n; i++)
			if (rank_of(trees[i]) == rank) {
				is_done[i] = true;
				ret[count++] = i;
			}
	for (size_t i = 0; i < n; i++)
		if (!is_done[i])
			count += add_workloads(trees, n, ns, namespace_of(trees[i], ns), is_done,
					       ret + count);
	assert(count == n);
}

/* As Go's encoder: <, > and & are escaped; they stand in strings only. */
static void add_go_escaped(struct str *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<' || *text == '>' || *text == '&')
			str_addf(out, "\\u%04x", (unsigned)*text);
		else
			str_add_char(out, *text);
	}
}

void apply_last_applied(const json_t *manifest, struct str *out)
{
	AUTO_JSON *copy = json_deep_copy(manifest);
	json_t *metadata = json_object_get(copy, "metadata");
	json_t *annotations = json_object_get(metadata, "annotations");
	if (!json_is_object(annotations)) {
		annotations = json_object();
		json_object_set_new(metadata, "annotations", annotations);
	}
	json_object_del(annotations, LAST_APPLIED);
	AUTO_STR plain;
	str_init(&plain, out->max);
	json_print_sorted(copy, &plain);
	add_go_escaped(out, plain.data);
	str_add_char(out, '\n');
}

json_t *apply_wanted(const json_t *manifest)
{
	AUTO_STR text;
	str_init(&text, 64u << 20);
	apply_last_applied(manifest, &text);
	json_t *copy = json_deep_copy(manifest);
	json_t *metadata = json_object_get(copy, "metadata");
	if (!json_is_object(json_object_get(metadata, "annotations")))
		json_object_set_new(metadata, "annotations", json_object());
	json_object_set_new(json_object_get(metadata, "annotations"), LAST_APPLIED,
			    json_string(text.data));
	return copy;
}
