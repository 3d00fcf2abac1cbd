/*
 * bench_store - creates a second at 64 writers through the store (group commit), beside its
 * floor in the same run: single-put transactions at 64 in flight over the same gRPC back end.
 * Five alternating runs, medians; etcd with fsync as shipped, on a unix socket.
 *
 *	bench_store [seconds a run]
 */
#include <stdio.h>
#include <sys/resource.h>

#include "apiserver/store.h"
#include "apiserver/store_backend.h"
#include "tests/store/etcd_process.h"
#include "tests/support/check.h"

#define WRITERS 64
#define RUNS    5
#define SIZE    1024

struct writer {
	struct bench *bench;
	char key[80];
};

struct bench {
	struct loop *loop;
	struct loop_timer *end;
	struct store *store;
	struct store_backend *raw;
	struct writer writers[WRITERS];
	char value[SIZE];
	uint64_t next, done;
	unsigned in_flight;
	bool is_over;
};

static void next_create(struct writer *w);
static void next_raw(struct writer *w);

static void finished(struct bench *b)
{
	if (--b->in_flight == 0)
		loop_stop(b->loop);
}

static void created(void *ctx, enum store_outcome outcome, uint64_t revision,
		    const uint64_t *versions, const struct error *err)
{
	struct writer *w = ctx;
	(void)revision;
	(void)versions;
	(void)err;
	CHECK_INT(outcome, STORE_DONE);
	w->bench->done++;
	if (w->bench->is_over)
		finished(w->bench);
	else
		next_create(w);
}

static void next_create(struct writer *w)
{
	struct bench *b = w->bench;
	struct error err;
	CHECK(snprintf(w->key, sizeof w->key, "o/core/pods/default/pod-%llu",
		       (unsigned long long)b->next++) > 0);
	struct store_guard g = { .kind = STORE_ABSENT, .key = w->key };
	struct store_write put = {
		.kind = STORE_PUT, .key = w->key, .bytes = b->value, .len = SIZE
	};
	struct store_member m = { &g, 1, &put, 1 };
	CHECK_INT(store_submit(b->store, &m, created, w, &err), 0);
}

static void put(void *ctx, enum backend_outcome outcome, uint64_t revision,
		const struct backend_member_result *results, const struct error *err)
{
	struct writer *w = ctx;
	(void)revision;
	(void)err;
	CHECK_INT(outcome, BACKEND_OK);
	CHECK(results[0].succeeded);
	w->bench->done++;
	if (w->bench->is_over)
		finished(w->bench);
	else
		next_raw(w);
}

static void next_raw(struct writer *w)
{
	struct bench *b = w->bench;
	CHECK(snprintf(w->key, sizeof w->key, "o/core/pods/default/pod-%llu",
		       (unsigned long long)b->next++) > 0);
	struct backend_compare absent = { w->key, 0 };
	struct backend_op op = { .key = w->key, .value = b->value, .len = SIZE };
	struct backend_member m = {
		.compares = &absent, .compares_count = 1, .ops = &op, .ops_count = 1
	};
	b->raw->ops->txn(b->raw, &m, 1, 10000, put, w);
}

static void time_is_up(void *ctx)
{
	((struct bench *)ctx)->is_over = true;
}

static double run(struct bench *b, void (*next)(struct writer *w), int64_t ms)
{
	b->done = 0;
	b->is_over = false;
	b->in_flight = WRITERS;
	loop_timer_set(b->end, ms);
	int64_t start_us = loop_wall_us(b->loop);
	for (size_t i = 0; i < WRITERS; i++)
		next(&b->writers[i]);
	loop_run(b->loop);
	return (double)b->done * 1e6 / (double)(loop_wall_us(b->loop) - start_us);
}

static double cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double median(double *values)
{
	qsort(values, RUNS, sizeof *values, by_value);
	return values[RUNS / 2];
}

int main(int argc, char **argv)
{
	int64_t ms = argc > 1 ? 1000 * strtoll(argv[1], NULL, 10) : 3000;
	if (!etcd_process_exists()) {
		fprintf(stderr, "no etcd: scripts/etcd_for_tests.sh gets one\n");
		return 77;
	}
	struct etcd_process *etcd = etcd_process_start(false);
	struct bench *b = xcalloc(1, sizeof *b);
	b->loop = loop_new();
	b->end = loop_timer_new(b->loop, time_is_up, b);
	b->raw = etcd_process_backend(etcd, b->loop, true);
	b->store = store_new(b->loop, etcd_process_backend(etcd, b->loop, true),
			     &(struct store_options){ 0 });
	memset(b->value, 'v', SIZE);
	for (size_t i = 0; i < WRITERS; i++)
		b->writers[i].bench = b;
	double ours[RUNS], floor[RUNS], our_cpu = 0, our_done = 0;
	for (int i = 0; i < RUNS; i++) {
		floor[i] = run(b, next_raw, ms);
		double before_us = cpu_us();
		ours[i] = run(b, next_create, ms);
		our_cpu += cpu_us() - before_us;
		our_done += (double)b->done;
	}
	double o = median(ours), f = median(floor);
	struct store_counts counts;
	store_counts(b->store, &counts);
	printf("creates of 1 KiB, 64 writers\ta second\t%.0f\t%.0f\t%.2f\tat least 0.8\n", f, o,
	       o / f);
	printf("    CPU of each\tµs\t-\t%.1f\t-\t-\n", our_cpu / our_done);
	printf("    keys a batch\t\t-\t%.1f\t-\t-\n", (double)counts.keys / (double)counts.batches);
	store_free(b->store);
	b->raw->ops->free(b->raw);
	loop_timer_free(b->end);
	loop_free(b->loop);
	etcd_process_free(etcd);
	free(b);
	return 0;
}
