#include "controller/scheduler/scheduler_plan.h"

#include "common/base/jsonx.h"
#include "schemas/quantity.h"

static const char *const basic_names[SCHED_BASIC_COUNT] = { "cpu", "memory", "ephemeral-storage" };

static int64_t *amount_of(struct sched_resources *r, const char *name)
{
	for (size_t i = 0; i < SCHED_BASIC_COUNT; i++)
		if (streq(name, basic_names[i]))
			return &r->basic[i];
	for (size_t i = 0; i < r->extended_count; i++)
		if (streq(name, r->extended[i].name))
			return &r->extended[i].amount;
	if (r->extended_count == SCHED_EXTENDED_MAX)
		return NULL;
	r->extended[r->extended_count] = (struct sched_extended){ .name = name };
	return &r->extended[r->extended_count++].amount;
}

static int64_t parsed(const char *name, const json_t *quantity)
{
	if (json_is_integer(quantity))
		return json_integer_value(quantity) * (streq(name, "cpu") ? 1000 : 1);
	const char *text = json_string_value(quantity);
	if (!text)
		return 0;
	return streq(name, "cpu") ? quantity_milli(text) : quantity_value(text);
}

static void read_amounts(const json_t *map, struct sched_resources *ret)
{
	const char *name;
	json_t *quantity;
	*ret = (struct sched_resources){ 0 };
	json_object_foreach ((json_t *)(uintptr_t)map, name, quantity) {
		int64_t *amount = amount_of(ret, name);
		if (amount)
			*amount = parsed(name, quantity);
	}
}

void sched_resources_add(struct sched_resources *to, const struct sched_resources *more)
{
	for (size_t i = 0; i < SCHED_BASIC_COUNT; i++)
		to->basic[i] += more->basic[i];
	for (size_t i = 0; i < more->extended_count; i++) {
		int64_t *amount = amount_of(to, more->extended[i].name);
		if (amount)
			*amount += more->extended[i].amount;
	}
}

static void at_least(struct sched_resources *to, const struct sched_resources *other)
{
	for (size_t i = 0; i < SCHED_BASIC_COUNT; i++)
		to->basic[i] = MAX(to->basic[i], other->basic[i]);
	for (size_t i = 0; i < other->extended_count; i++) {
		int64_t *amount = amount_of(to, other->extended[i].name);
		if (amount)
			*amount = MAX(*amount, other->extended[i].amount);
	}
}

/* Containers together, or the largest moment of the init containers; those that stay
 * (restartPolicy Always) count from their start to the end. */
void sched_pod_resources(const json_t *pod_spec, struct sched_resources *ret)
{
	struct sched_resources sum = { 0 }, staying = { 0 }, peak = { 0 }, one;
	size_t i;
	json_t *container;
	json_array_foreach (json_object_get(pod_spec, "containers"), i, container) {
		read_amounts(json_dig(container, "resources.requests"), &one);
		sched_resources_add(&sum, &one);
	}
	json_array_foreach (json_object_get(pod_spec, "initContainers"), i, container) {
		read_amounts(json_dig(container, "resources.requests"), &one);
		if (streq(json_str_or(container, "restartPolicy", ""), "Always")) {
			sched_resources_add(&staying, &one);
			at_least(&peak, &staying);
		} else {
			sched_resources_add(&one, &staying);
			at_least(&peak, &one);
		}
	}
	sched_resources_add(&sum, &staying);
	at_least(&sum, &peak);
	read_amounts(json_object_get(pod_spec, "overhead"), &one);
	sched_resources_add(&sum, &one);
	*ret = sum;
}

void sched_node_total(const json_t *node, struct sched_resources *ret, int64_t *ret_pods)
{
	const json_t *allocatable = json_dig(node, "status.allocatable");
	read_amounts(allocatable ? allocatable : json_dig(node, "status.capacity"), ret);
	*ret_pods = 110;
	for (size_t i = 0; i < ret->extended_count; i++)
		if (streq(ret->extended[i].name, "pods"))
			*ret_pods = ret->extended[i].amount;
}

struct sched_ports *sched_pod_ports(const json_t *pod_spec)
{
	struct sched_ports *ports = NULL;
	size_t i, k;
	json_t *container, *port;
	json_array_foreach (json_object_get(pod_spec, "containers"), i, container) {
		json_array_foreach (json_object_get(container, "ports"), k, port) {
			int64_t number = json_int_or(port, "hostPort", 0);
			if (number <= 0 || number > 65535)
				continue;
			if (!ports)
				ports = xcalloc(1, sizeof *ports);
			if (ports->count < SCHED_PORTS_MAX)
				ports->at[ports->count++] =
					(struct sched_port){ (int)number,
							     json_str_or(port, "protocol", "TCP"),
							     json_str_or(port, "hostIP", "") };
		}
	}
	return ports;
}

static bool is_any(const char *address)
{
	return address[0] == '\0' || streq(address, "0.0.0.0") || streq(address, "::");
}

bool sched_ports_clash(const struct sched_ports *a, const struct sched_ports *b)
{
	for (size_t i = 0; a && i < a->count; i++)
		for (size_t k = 0; b && k < b->count; k++)
			if (a->at[i].port == b->at[k].port &&
			    streq(a->at[i].protocol, b->at[k].protocol) &&
			    (is_any(a->at[i].address) || is_any(b->at[k].address) ||
			     streq(a->at[i].address, b->at[k].address)))
				return true;
	return false;
}

void sched_ports_add(struct sched_ports **to, const struct sched_ports *more)
{
	if (!more)
		return;
	if (!*to)
		*to = xcalloc(1, sizeof **to);
	for (size_t i = 0; i < more->count && (*to)->count < SCHED_PORTS_MAX; i++)
		(*to)->at[(*to)->count++] = more->at[i];
}
