/* The formulas; derivations in docs/queueing.md. */
#include "common/plan/predict.h"

#include <math.h>

/* ---- laws ---- */

/* Pieces of equal width in v = -ln(1 - F): fine at both ends. The last takes what is left. */
struct predict_law predict_exponential(double mean_us, double *sizes, double *chances, size_t n)
{
	const double end = 40;
	for (size_t i = 0; i < n; i++) {
		double a = end * (double)i / (double)n, b = end * (double)(i + 1) / (double)n;
		double at_b = i + 1 < n ? exp(-b) : 0;
		double mass = exp(-a) - at_b;
		chances[i] = mass;
		sizes[i] = mean_us * (exp(-a) * (a + 1) - at_b * (b + 1)) / mass;
	}
	return (struct predict_law){ n, sizes, chances };
}

struct predict_law predict_constant(double size_us, double *sizes, double *chances)
{
	sizes[0] = size_us;
	chances[0] = 1;
	return (struct predict_law){ 1, sizes, chances };
}

/* Pieces between geometric bounds, each at its own mean. */
struct predict_law predict_pareto(double alpha, double least_us, double most_us, double *sizes,
				  double *chances, size_t n)
{
	double ratio = pow(least_us / most_us, alpha);
	for (size_t i = 0; i < n; i++) {
		double a = least_us * pow(most_us / least_us, (double)i / (double)n);
		double b = least_us * pow(most_us / least_us, (double)(i + 1) / (double)n);
		double mass = (pow(least_us / a, alpha) - pow(least_us / b, alpha)) / (1 - ratio);
		double scale = alpha * pow(least_us, alpha) / (1 - ratio);
		double sum =
			fabs(alpha - 1) < 1e-9
				? scale * log(b / a)
				: scale * (pow(b, 1 - alpha) - pow(a, 1 - alpha)) / (1 - alpha);
		chances[i] = mass;
		sizes[i] = mass > 0 ? MAX(a, MIN(b, sum / mass)) : b;
	}
	return (struct predict_law){ n, sizes, chances };
}

struct predict_law predict_measured(const double *sorted_us, double *chances, size_t n)
{
	for (size_t i = 0; i < n; i++)
		chances[i] = 1.0 / (double)n;
	return (struct predict_law){ n, sorted_us, chances };
}

static double moment(const struct predict_law *l, int power)
{
	double sum = 0;
	for (size_t i = 0; i < l->n; i++)
		sum += l->chance[i] * (power == 1 ? l->size_us[i] : l->size_us[i] * l->size_us[i]);
	return sum;
}

double predict_mean(const struct predict_law *l)
{
	return moment(l, 1);
}

double predict_variation(const struct predict_law *l)
{
	double mean = moment(l, 1);
	return mean > 0 ? moment(l, 2) / (mean * mean) - 1 : 0;
}

/* ---- one server ---- */

/* What is known when the sizes are walked in rising order: everything up to and with size x. */
struct walk {
	double rate, rest;        /* λ; λ E[S²] / 2: the work that an arrival finds in service */
	double load, load_before; /* λ E[S; S <= x], and of the sizes below x */
	double square;            /* E[S²; S <= x] */
	double chance;            /* P(S <= x) */
	double last, residence;   /* SRPT: the size before x, and the time under way up to it */
};

static double response_of(enum predict_policy p, const struct walk *w, double rho, double x)
{
	double above = MAX(0, 1 - w->chance);
	double cut = w->rate * (w->load / w->rate + x * above); /* load of sizes cut off at x */
	double cut_square = w->square + x * x * above;
	switch (p) {
	case PREDICT_FCFS:
		return w->rest / (1 - rho) + x;
	case PREDICT_SJF:
		return w->rest / ((1 - w->load_before) * (1 - w->load)) + x;
	case PREDICT_SRPT:
		return w->rate * cut_square / 2 / ((1 - w->load_before) * (1 - w->load)) +
		       w->residence;
	case PREDICT_LAS:
		return w->rate * cut_square / 2 / ((1 - cut) * (1 - cut)) + x / (1 - cut);
	case PREDICT_PS:
		return x / (1 - rho);
	case PREDICT_POLICY_COUNT:
		break;
	}
	return 0;
}

/* The end of the run of equal sizes that begins at i: they are one class. */
static size_t class_end(const struct predict_law *l, size_t i)
{
	size_t end = i + 1;
	while (end < l->n && l->size_us[end] <= l->size_us[i])
		end++;
	return end;
}

static void mean_of(enum predict_policy p, const struct predict_law *l, double rate,
		    double *ret_wait, double *ret_slowdown)
{
	double rho = rate * moment(l, 1), sized = 0;
	struct walk w = { .rate = rate, .rest = rate * moment(l, 2) / 2 };
	*ret_wait = *ret_slowdown = 0;
	if (rho >= 1) {
		*ret_wait = *ret_slowdown = INFINITY;
		return;
	}
	for (size_t i = 0; i < l->n && rate > 0;) {
		size_t end = class_end(l, i);
		double x = MAX(0, l->size_us[i]), mass = 0;
		for (; i < end; i++)
			mass += l->chance[i];
		w.load_before = w.load;
		w.residence += (x - w.last) / (1 - w.load_before);
		w.last = x;
		w.load += rate * mass * x;
		w.square += mass * x * x;
		w.chance += mass;
		double response = response_of(p, &w, rho, x);
		*ret_wait += mass * (response - x);
		if (x > 0) {
			*ret_slowdown += mass * response / x;
			sized += mass;
		}
	}
	*ret_slowdown = sized > 0 ? *ret_slowdown / sized : 1;
}

double predict_wait(enum predict_policy p, const struct predict_law *l, double rate)
{
	double wait, slowdown;
	mean_of(p, l, rate, &wait, &slowdown);
	return wait;
}

double predict_slowdown(enum predict_policy p, const struct predict_law *l, double rate)
{
	double wait, slowdown;
	mean_of(p, l, rate, &wait, &slowdown);
	return slowdown;
}

/* ---- several servers ---- */

/* By the recursion of Erlang's B, which neither overflows nor cancels. */
double predict_erlang_c(uint32_t servers, double offered)
{
	double b = 1;
	if (offered >= (double)servers)
		return 1;
	for (uint32_t i = 1; i <= servers; i++)
		b = offered * b / ((double)i + offered * b);
	double rho = offered / (double)servers;
	return b / (1 - rho * (1 - b));
}

double predict_wait_of_many(uint32_t servers, double rate, double mean_us)
{
	double offered = rate * mean_us;
	if (offered >= (double)servers)
		return INFINITY;
	return predict_erlang_c(servers, offered) * mean_us / ((double)servers - offered);
}
