/*
 * The floor of pod starts: the same pod by direct CRI calls. bench_cri SOCKET PODS PARALLEL CGROUP
 * prints the milliseconds until all containers run. The namespace "bench-cri" of the runtime is its own;
 * everything is removed again.
 */
#include "common/io/cri_client.h"
#include "common/io/loop.h"

#include <stdio.h>

#define PODS_MAX 256

struct bench;

struct one {
	struct bench *b;
	char name[32], uid[48], sandbox[128], container[128];
};

struct bench {
	struct loop *loop;
	struct cri_client *cri;
	struct one pods[PODS_MAX];
	size_t count, parallel, started, running, removed;
	int64_t begin_ms;
	const char *cgroup; /* below the cluster's, so that its `down` removes it */
};

static void must(const struct cri_reply *reply, const char *what)
{
	if (reply->code == 0)
		return;
	fprintf(stderr, "%s: %s\n", what, reply->message);
	exit(1);
}

static void copy(char *to, size_t size, const char *from)
{
	int n = snprintf(to, size, "%s", from);
	if (n < 0 || (size_t)n >= size)
		exit(1);
}

static struct cri_sandbox_config sandbox_of(const struct one *p)
{
	return (struct cri_sandbox_config){ .name = p->name,
					    .uid = p->uid,
					    .ns = "bench-cri",
					    .hostname = p->name,
					    .log_directory = "/tmp",
					    .cgroup_parent = p->b->cgroup };
}

static void start_next(struct bench *b);

static void removed(void *ctx, const struct cri_reply *reply)
{
	struct one *p = ctx;
	(void)reply;
	if (++p->b->removed == p->b->count)
		loop_stop(p->b->loop);
}

static void stopped(void *ctx, const struct cri_reply *reply)
{
	struct one *p = ctx;
	(void)reply;
	(void)cri_start(p->b->cri,
			&(struct cri_request){ .op = CRI_REMOVE_SANDBOX, .id = p->sandbox },
			removed, p);
}

static void runs(void *ctx, const struct cri_reply *reply)
{
	struct one *p = ctx;
	struct bench *b = p->b;
	must(reply, "StartContainer");
	start_next(b);
	if (++b->running < b->count)
		return;
	printf("%lld\n", (long long)(loop_now_ms(b->loop) - b->begin_ms));
	fflush(stdout);
	for (size_t i = 0; i < b->count; i++)
		(void)cri_start(
			b->cri,
			&(struct cri_request){ .op = CRI_STOP_SANDBOX, .id = b->pods[i].sandbox },
			stopped, &b->pods[i]);
}

static void created(void *ctx, const struct cri_reply *reply)
{
	struct one *p = ctx;
	must(reply, "CreateContainer");
	copy(p->container, sizeof p->container, reply->text);
	(void)cri_start(p->b->cri,
			&(struct cri_request){ .op = CRI_START_CONTAINER, .id = p->container },
			runs, p);
}

static void sandboxed(void *ctx, const struct cri_reply *reply)
{
	static const char *const command[] = { "sleep", "100000" };
	struct one *p = ctx;
	must(reply, "RunPodSandbox");
	copy(p->sandbox, sizeof p->sandbox, reply->text);
	struct cri_sandbox_config s = sandbox_of(p);
	struct cri_container_config c = { .name = "c",
					  .image = "localhost/busybox:1",
					  .log_path = "bench-cri.log",
					  .command = { command, 2 } };
	(void)cri_start(p->b->cri,
			&(struct cri_request){ .op = CRI_CREATE_CONTAINER,
					       .id = p->sandbox,
					       .sandbox = &s,
					       .container = &c },
			created, p);
}

static void start_next(struct bench *b)
{
	if (b->started == b->count)
		return;
	struct one *p = &b->pods[b->started];
	p->b = b;
	int n = snprintf(p->name, sizeof p->name, "bench-%zu", b->started);
	int m = snprintf(p->uid, sizeof p->uid, "bench-cri-%d-%zu", (int)getpid(), b->started);
	if (n < 0 || m < 0)
		exit(1);
	b->started++;
	struct cri_sandbox_config s = sandbox_of(p);
	(void)cri_start(b->cri, &(struct cri_request){ .op = CRI_RUN_SANDBOX, .sandbox = &s },
			sandboxed, p);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct error err;
	if (argc != 5)
		return 2;
	b.count = MIN(strtoul(argv[2], NULL, 10), (unsigned long)PODS_MAX);
	b.parallel = strtoul(argv[3], NULL, 10);
	b.cgroup = argv[4];
	b.loop = loop_new();
	struct cri_client_options o = { .socket = argv[1] };
	if (cri_client_new(b.loop, &o, &b.cri, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	b.begin_ms = loop_now_ms(b.loop);
	for (size_t i = 0; i < b.parallel; i++)
		start_next(&b);
	loop_run(b.loop);
	cri_client_free(b.cri);
	loop_free(b.loop);
	return 0;
}
