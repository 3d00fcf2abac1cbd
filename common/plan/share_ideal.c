/* Dominant resource fairness of tasks that can be divided: progressive filling, exactly. */
#include "common/plan/share_plan.h"

#include <math.h>

/* How many tasks a claim gets while everybody's weighted dominant share grows by one. */
static double pace(const struct share_claim *c, const double *capacity, uint32_t resources)
{
	double dominant = 0;
	for (uint32_t r = 0; r < resources; r++)
		if (c->demand[r] > 0)
			dominant = MAX(dominant,
				       capacity[r] > 0 ? c->demand[r] / capacity[r] : INFINITY);
	return isinf(dominant) || dominant == 0 ? 0 : c->weight / dominant;
}

/* Until which share everybody may grow before a resource is used up or somebody has enough. */
static double next_stop(const double *left, const double *speeds, uint32_t resources,
			const struct share_claim *claims, const double *paces,
			const bool *is_frozen, const double *tasks, size_t n)
{
	double step = INFINITY;
	for (uint32_t r = 0; r < resources; r++)
		if (speeds[r] > 0)
			step = MIN(step, MAX(left[r], 0) / speeds[r]);
	for (size_t i = 0; i < n; i++)
		if (!is_frozen[i] && paces[i] > 0)
			step = MIN(step, MAX(claims[i].tasks_max - tasks[i], 0) / paces[i]);
	return step;
}

void share_ideal(const double *capacity, uint32_t resources, const struct share_claim *claims,
		 size_t n, double *ret_tasks)
{
	auto_free bool *is_frozen = xcalloc(n + 1, sizeof *is_frozen);
	auto_free double *paces = xcalloc(n + 1, sizeof *paces);
	double left[SHARE_RESOURCES_MAX];
	size_t growing = 0;
	assert(resources <= SHARE_RESOURCES_MAX);
	memcpy(left, capacity, resources * sizeof *left);
	for (size_t i = 0; i < n; i++) {
		paces[i] = pace(&claims[i], capacity, resources);
		ret_tasks[i] = 0;
		is_frozen[i] = paces[i] == 0;
		growing += !is_frozen[i];
	}
	while (growing > 0) {
		double speeds[SHARE_RESOURCES_MAX] = { 0 };
		for (size_t i = 0; i < n; i++)
			for (uint32_t r = 0; r < resources && !is_frozen[i]; r++)
				speeds[r] += paces[i] * claims[i].demand[r];
		double step =
			next_stop(left, speeds, resources, claims, paces, is_frozen, ret_tasks, n);
		if (isinf(step))
			return; /* demands of nothing: refused by those who call */
		for (size_t i = 0; i < n; i++)
			if (!is_frozen[i])
				ret_tasks[i] += step * paces[i];
		for (uint32_t r = 0; r < resources; r++) {
			left[r] -= step * speeds[r];
			/* What is left by rounding is nothing. */
			if (speeds[r] > 0 && left[r] <= 1e-12 * capacity[r])
				left[r] = 0;
		}
		for (size_t i = 0; i < n; i++) {
			bool has_enough = ret_tasks[i] >= claims[i].tasks_max * (1 - 1e-12);
			bool lacks = false;
			for (uint32_t r = 0; r < resources; r++)
				lacks |= claims[i].demand[r] > 0 && left[r] == 0;
			if (!is_frozen[i] && (has_enough || lacks)) {
				is_frozen[i] = true;
				growing--;
			}
		}
	}
}
