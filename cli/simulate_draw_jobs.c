/* Traces from distributions, and estimates that are off. */
#include "cli/simulate_trace.h"
#include "common/base/rng.h"

#include <errno.h>
#include <math.h>

/* Between 0 and 1, both excluded. */
static double uniform(struct rng *r)
{
	return ((double)(rng_next(r) >> 11) + 0.5) / 9007199254740992.0;
}

static bool numbers(const char *text, double *ret, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *end;
		errno = 0;
		ret[i] = strtod(text, &end);
		if (end == text || errno || !isfinite(ret[i]) || *end != (i + 1 < n ? ',' : 0))
			return false;
		text = end + 1;
	}
	return true;
}

int rate_parse(const char *text, double *ret, struct error *err)
{
	if (!starts_with(text, "poisson:") || !numbers(text + 8, ret, 1) || *ret <= 0 || *ret > 1e6)
		return error_set(
			err, ERR_INVALID,
			"--arrivals is poisson:RATE, above 0 and at most 1000000 a second; "
			"not '%s'",
			text);
	return 0;
}

int service_parse(const char *text, struct service *ret, struct error *err)
{
	double v[3] = { 0 };
	struct service s = { .kind = SERVICE_KIND_COUNT };
	if (starts_with(text, "exp:") && numbers(text + 4, v, 1) && v[0] > 0 && v[0] <= 1e6)
		s.kind = SERVICE_EXP;
	else if (starts_with(text, "det:") && numbers(text + 4, v, 1) && v[0] >= 0 && v[0] <= 1e6)
		s.kind = SERVICE_DET;
	else if (starts_with(text, "pareto:") && numbers(text + 7, v, 3) && v[0] > 0 &&
		 v[0] <= 100 && v[1] >= 1e-6 && v[1] < v[2] && v[2] <= 1e8)
		s.kind = SERVICE_PARETO;
	if (s.kind == SERVICE_KIND_COUNT)
		return error_set(err, ERR_INVALID,
				 "--service is exp:RATE (a second), det:SECONDS or "
				 "pareto:ALPHA,MIN,MAX (seconds, bounded); not '%s'",
				 text);
	s.a = v[0], s.b = v[1], s.c = v[2];
	*ret = s;
	return 0;
}

static double draw_size(const struct service *s, struct rng *r)
{
	switch (s->kind) {
	case SERVICE_EXP:
		return -log(uniform(r)) / s->a;
	case SERVICE_DET:
		return s->a;
	case SERVICE_PARETO:
		/* The inverse of F(x) = (1 - (k/x)^a) / (1 - (k/p)^a). */
		return s->b * pow(1 - uniform(r) * (1 - pow(s->b / s->c, s->a)), -1 / s->a);
	case SERVICE_KIND_COUNT:
		break;
	}
	return 0;
}

int trace_draw(const char *arrivals, const char *service, size_t count, uint64_t seed,
	       struct trace *ret, struct error *err)
{
	double rate, now = 0, sum = 0;
	struct service s;
	struct rng r = { seed };
	if (rate_parse(arrivals, &rate, err) < 0 || service_parse(service, &s, err) < 0)
		return err->code;
	AUTO_TRACE t = { .path = "the drawn trace" };
	t.arrival_us = xcalloc(count, sizeof *t.arrival_us);
	t.size_us = xcalloc(count, sizeof *t.size_us);
	for (size_t i = 0; i < count; i++) {
		double size = draw_size(&s, &r) * 1e6;
		now += -log(uniform(&r)) / rate * 1e6;
		sum += size;
		if (now + sum > (double)QUEUE_TIME_MAX / 2)
			return error_set(err, ERR_INVALID, "so many jobs take over 18,000 years");
		t.arrival_us[i] = (int64_t)llround(now);
		t.size_us[i] = (int64_t)llround(size);
	}
	t.replay = (struct replay_trace){ .count = count,
					  .arrival_us = t.arrival_us,
					  .size_us = t.size_us };
	*ret = t;
	t = (struct trace){ 0 };
	return 0;
}

void trace_blur(struct trace *t, double sigma, uint64_t seed)
{
	struct rng r = { seed ^ 0x6e6f697379u };
	if (!t->estimate_us)
		t->estimate_us = xcalloc(t->replay.count, sizeof *t->estimate_us);
	for (size_t i = 0; i < t->replay.count; i++) {
		double normal = sqrt(-2 * log(uniform(&r))) * cos(2 * M_PI * uniform(&r));
		double estimate = (double)t->size_us[i] * exp(sigma * normal);
		t->estimate_us[i] = (int64_t)MIN(estimate, (double)QUEUE_TIME_MAX);
	}
	t->replay.estimate_us = t->estimate_us;
}
