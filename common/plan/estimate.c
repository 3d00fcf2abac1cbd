#include "common/plan/estimate.h"

#include <math.h>

#define BUCKETS_PER_TWO 4
#define FADE            0.995f /* of a histogram's weights a sample: 200 samples count */
#define DRIFT_SLACK     0.5    /* standard deviations that are no drift */
#define DRIFT_LIMIT     12.0   /* Page's sum in standard deviations that is one */
#define DRIFT_SAMPLES   20     /* before that nothing is known to differ from */
#define OWN_SAMPLES     3      /* fewer of its own: all classes speak */

void estimate_init(struct estimates *e, struct estimate_class *classes, size_t n)
{
	*e = (struct estimates){ .classes = classes, .classes_count = n };
}

static size_t bucket_of(int64_t us)
{
	if (us <= 1)
		return 0;
	double at = log2((double)us) * BUCKETS_PER_TWO;
	return (size_t)MIN(at, ESTIMATE_BUCKETS - 1);
}

static void count_in(struct estimate_class *c, int64_t us)
{
	double x = (double)us, y = log2((double)us + 1);
	c->recent_us[c->count % ESTIMATE_RECENT] = us;
	c->count++;
	double before = x - c->mean_us, log_before = y - c->log_mean;
	c->mean_us += before / (double)c->count;
	c->square_sum += before * (x - c->mean_us);
	c->log_mean += log_before / (double)c->count;
	c->log_square_sum += log_before * (y - c->log_mean);
	for (size_t i = 0; i < ESTIMATE_BUCKETS; i++)
		c->weights[i] *= FADE;
	c->weight = c->weight * FADE + 1;
	c->weights[bucket_of(us)] += 1;
}

/* Has the run time changed for good? Compared are logarithms: a job that takes twice as long has
 * drifted, whether it took a second or an hour. */
static bool has_drifted(struct estimate_class *c, int64_t us)
{
	if (c->count < DRIFT_SAMPLES)
		return false;
	/* Run times that never varied would make any change infinite: at least 1 % is noise. */
	double deviation = MAX(sqrt(c->log_square_sum / (double)(c->count - 1)), 0.015);
	double z = (log2((double)us + 1) - c->log_mean) / deviation;
	/* One wild value is no drift. */
	z = MAX(-3, MIN(3, z));
	c->up = MAX(0, c->up + z - DRIFT_SLACK);
	c->down = MAX(0, c->down - z - DRIFT_SLACK);
	return c->up > DRIFT_LIMIT || c->down > DRIFT_LIMIT;
}

/* What the last few samples say stays: they are what made us notice. */
static void start_anew(struct estimate_class *c)
{
	int64_t last[6];
	for (size_t i = 0; i < ARRAY_LEN(last); i++)
		last[i] = c->recent_us[(c->count - ARRAY_LEN(last) + i) % ESTIMATE_RECENT];
	*c = (struct estimate_class){ .drifts = c->drifts + 1 };
	for (size_t i = 0; i < ARRAY_LEN(last); i++)
		count_in(c, last[i]);
}

bool estimate_learn(struct estimates *e, size_t class, int64_t run_us)
{
	assert(class < e->classes_count && run_us >= 0);
	struct estimate_class *c = &e->classes[class];
	count_in(&e->all, run_us);
	bool is_drift = has_drifted(c, run_us);
	count_in(c, run_us);
	if (is_drift)
		start_anew(c);
	return is_drift;
}

static int compare_us(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static size_t sorted_recent(const struct estimate_class *c, int64_t out[ESTIMATE_RECENT])
{
	size_t n = (size_t)MIN(c->count, (uint64_t)ESTIMATE_RECENT);
	memcpy(out, c->recent_us, n * sizeof *out);
	qsort(out, n, sizeof *out, compare_us);
	return n;
}

static int64_t histogram_quantile(const struct estimate_class *c, double q)
{
	double want = q * (double)c->weight, sum = 0;
	for (size_t i = 0; i < ESTIMATE_BUCKETS; i++) {
		double w = (double)c->weights[i];
		if (w > 0 && sum + w >= want) {
			double at = (double)i + MAX(0, MIN(1, (want - sum) / w));
			return (int64_t)exp2(at / BUCKETS_PER_TWO);
		}
		sum += w;
	}
	return (int64_t)exp2((double)ESTIMATE_BUCKETS / BUCKETS_PER_TWO);
}

int64_t estimate_quantile(const struct estimate_class *c, double q)
{
	int64_t recent[ESTIMATE_RECENT];
	if (c->count == 0)
		return -1;
	if (c->count > ESTIMATE_RECENT)
		return histogram_quantile(c, q);
	size_t n = sorted_recent(c, recent);
	double at = q * (double)n - 0.5;
	if (at <= 0)
		return recent[0];
	size_t i = MIN((size_t)at, n - 1);
	double rest = at - (double)i;
	int64_t next = recent[MIN(i + 1, n - 1)];
	return recent[i] + (int64_t)((double)(next - recent[i]) * MIN(rest, 1));
}

/* The narrowest middle of the order statistics that covers the next value as often as asked; with n
 * samples at most (n - 1)/(n + 1). */
static void interval_of_few(const struct estimate_class *c, double asked, struct estimate *ret)
{
	int64_t recent[ESTIMATE_RECENT];
	size_t n = sorted_recent(c, recent), cut = 0;
	while (2 * (cut + 1) < n && (double)(n - 1 - 2 * (cut + 1)) / (double)(n + 1) >= asked)
		cut++;
	ret->low_us = recent[cut];
	ret->high_us = recent[n - 1 - cut];
	ret->coverage = MIN(asked, (double)(n - 1 - 2 * cut) / (double)(n + 1));
}

struct estimate estimate_of(const struct estimates *e, size_t class, double asked)
{
	assert(class < e->classes_count && asked > 0 && asked < 1);
	const struct estimate_class *c = &e->classes[class];
	struct estimate r = { .is_own = c->count >= OWN_SAMPLES };
	if (!r.is_own)
		c = &e->all;
	r.samples = c->count;
	if (c->count == 0)
		return r;
	r.median_us = estimate_quantile(c, 0.5);
	r.mean_us = c->mean_us;
	if (c->count > 1 && c->mean_us > 0)
		r.variation = c->square_sum / (double)(c->count - 1) / (c->mean_us * c->mean_us);
	if (c->count <= ESTIMATE_RECENT) {
		interval_of_few(c, asked, &r);
	} else {
		r.low_us = histogram_quantile(c, (1 - asked) / 2);
		r.high_us = histogram_quantile(c, (1 + asked) / 2);
		r.coverage = asked;
	}
	r.low_us = MIN(r.low_us, r.median_us);
	r.high_us = MAX(r.high_us, r.median_us);
	return r;
}

/* ---- load ---- */

void load_init(struct load *l, int64_t now_us, int64_t window_us)
{
	*l = (struct load){ .window_us = (double)window_us,
			    .last_us = now_us,
			    .last_arrival_us = -1,
			    .begin_us = now_us };
}

static void pass_time(struct load *l, int64_t now_us)
{
	l->present_area += (double)l->present * (double)(now_us - l->last_us);
	l->last_us = now_us;
}

void load_arrived(struct load *l, int64_t now_us)
{
	pass_time(l, now_us);
	if (l->last_arrival_us >= 0) {
		double gap = (double)(now_us - l->last_arrival_us);
		double fade = exp(-gap / l->window_us);
		l->weight = l->weight * fade + 1;
		l->gap_sum = l->gap_sum * fade + gap;
		l->gap_square_sum = l->gap_square_sum * fade + gap * gap;
		l->size_weight *= fade;
		l->size_sum *= fade;
		l->size_square_sum *= fade;
	}
	l->last_arrival_us = now_us;
	l->arrivals++;
	l->present++;
}

void load_ended(struct load *l, int64_t now_us, int64_t size_us, int64_t response_us)
{
	double x = (double)size_us;
	pass_time(l, now_us);
	l->size_weight += 1;
	l->size_sum += x;
	l->size_square_sum += x * x;
	l->response_sum += (double)response_us;
	l->completions++;
	l->present--;
}

static double variation(double weight, double sum, double square_sum)
{
	double mean = weight > 0 ? sum / weight : 0;
	return mean > 0 ? MAX(0, square_sum / weight / (mean * mean) - 1) : 0;
}

struct load_summary load_summarize(const struct load *l, int64_t now_us, double servers)
{
	struct load_summary s = { .samples = l->completions };
	double span = (double)(now_us - l->begin_us);
	s.rate = l->gap_sum > 0 ? l->weight / l->gap_sum : 0;
	s.arrival_variation = variation(l->weight, l->gap_sum, l->gap_square_sum);
	s.mean_us = l->size_weight > 0 ? l->size_sum / l->size_weight : 0;
	s.variation = variation(l->size_weight, l->size_sum, l->size_square_sum);
	s.utilization = servers > 0 ? s.rate * s.mean_us / servers : 0;
	if (span > 0) {
		double area = l->present_area + (double)l->present * (double)(now_us - l->last_us);
		s.mean_present = area / span;
		s.rate_times_response = l->response_sum / span;
	}
	return s;
}
