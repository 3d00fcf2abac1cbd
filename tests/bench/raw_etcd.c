/*
 * raw_etcd.c - the floors of writes: etcd by the same gRPC back end and nothing else.
 *
 *	raw_etcd ENDPOINT put COUNT IN-FLIGHT BYTES      single-put transactions, each with its compare
 *	raw_etcd ENDPOINT delete COUNT IN-FLIGHT BATCH   the same keys, BATCH nested a transaction
 *
 * Prints keys a second and seconds. The store must be this program's own.
 */
#include <stdio.h>

#include "apiserver/store_etcd.h"
#include "common/base/str.h"

#define BATCH_MAX 64
#define KEY_SIZE  64

struct raw {
	struct loop *loop;
	struct store_backend *backend;
	bool is_delete;
	size_t next, count, batch, in_flight, done;
	char *value;
	size_t value_len;
};

static void begin(struct raw *r);

static void finished(void *ctx, enum backend_outcome outcome, uint64_t revision,
		     const struct backend_member_result *results, const struct error *err)
{
	struct raw *r = ctx;
	(void)revision;
	if (outcome != BACKEND_OK || !results[0].succeeded) {
		fprintf(stderr, "raw_etcd: outcome %d: %s\n", (int)outcome,
			err ? err->text : "a compare did not hold");
		exit(1);
	}
	r->in_flight--;
	if (r->next < r->count)
		begin(r);
	else if (r->in_flight == 0)
		loop_stop(r->loop);
}

static void begin(struct raw *r)
{
	char keys[BATCH_MAX][KEY_SIZE];
	struct backend_compare compares[BATCH_MAX];
	struct backend_op ops[BATCH_MAX];
	struct backend_member members[BATCH_MAX];
	size_t n = MIN(r->batch, r->count - r->next);
	for (size_t i = 0; i < n; i++) {
		int len =
			snprintf(keys[i], KEY_SIZE, "raw/core/pods/default/pod-%06zu", r->next + i);
		if (len <= 0)
			exit(1);
		compares[i] = (struct backend_compare){ keys[i], 0 };
		ops[i] = (struct backend_op){ .is_delete = r->is_delete,
					      .key = keys[i],
					      .value = r->value,
					      .len = r->value_len };
		members[i] = (struct backend_member){ .compares = &compares[i],
						      .compares_count = r->is_delete ? 0 : 1,
						      .ops = &ops[i],
						      .ops_count = 1 };
	}
	r->next += n;
	r->in_flight++;
	r->backend->ops->txn(r->backend, members, n, 60000, finished, r);
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fprintf(stderr,
			"usage: raw_etcd ENDPOINT put|delete COUNT IN-FLIGHT BYTES|BATCH\n");
		return 2;
	}
	struct raw r = { .loop = loop_new(),
			 .is_delete = streq(argv[2], "delete"),
			 .count = strtoul(argv[3], NULL, 10) };
	size_t workers = strtoul(argv[4], NULL, 10), size = strtoul(argv[5], NULL, 10);
	r.batch = r.is_delete ? MIN(size, (size_t)BATCH_MAX) : 1;
	r.value_len = r.is_delete ? 0 : size;
	r.value = xcalloc(size, 1);
	memset(r.value, 'v', size);
	struct store_etcd_options o = { .endpoint = argv[1] };
	struct error err;
	if (store_etcd_grpc_new(r.loop, &o, &r.backend, &err) < 0) {
		fprintf(stderr, "raw_etcd: %s\n", err.text);
		return 1;
	}
	int64_t begun_us = loop_wall_us(r.loop);
	for (size_t i = 0; i < workers && r.next < r.count; i++)
		begin(&r);
	loop_run(r.loop);
	double s = (double)(loop_wall_us(r.loop) - begun_us) / 1e6;
	printf("%.1f %.6f\n", (double)r.count / s, s);
	r.backend->ops->free(r.backend);
	loop_free(r.loop);
	free(r.value);
	return 0;
}
