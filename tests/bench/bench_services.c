/*
 * bench_services: 10,000 Services of three endpoints: the first transaction, and one change (a
 * Service gets another endpoint), each beside what `nft -f` takes for the same text.
 *
 * Changes the network namespace it runs in: start it by `unshare -n`, as root.
 */
#include "nodeagent/net/service_nft.h"

#include "common/base/error.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#define SERVICES 10000
#define CHANGES  5

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void fail(const char *what)
{
	fprintf(stderr, "bench_services: %s\n", what);
	exit(1);
}

static void want(struct service_plan *p, unsigned i, unsigned endpoints)
{
	auto_free char *group = xasprintf("service %u", i);
	struct service_elements e = { 0 };
	struct service_element head = { .kind = SERVICE_VIP,
					.protocol = IPPROTO_TCP,
					.port = 80,
					.address = 0x0a600000 + 256 + i,
					.to_port = (uint16_t)endpoints };
	service_elements_add(&e, head);
	head.kind = SERVICE_VIP_SLOT;
	for (unsigned k = 0; k < endpoints; k++) {
		head.slot = (uint16_t)k;
		head.to_address = 0x0af40000 + i * 4 + k;
		head.to_port = 8080;
		service_elements_add(&e, head);
	}
	service_plan_want(p, group, &e);
}

static double run_nft(const char *text)
{
	char path[] = "/tmp/bench_services.XXXXXX";
	int fd = mkstemp(path);
	size_t n = strlen(text);
	if (fd < 0 || write(fd, text, n) != (ssize_t)n)
		fail("no temporary file");
	close(fd);
	double start = now_ms();
	pid_t pid = fork();
	if (pid == 0) {
		execlp("nft", "nft", "-f", path, (char *)NULL);
		_exit(127);
	}
	int status;
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		fail("nft failed");
	double ms = now_ms() - start;
	unlink(path);
	return ms;
}

/* Plan and transaction. The text stays for the floor. */
static double apply(struct service_nft *nft, struct service_plan *p, char **ret_text,
		    double *ret_plan_ms)
{
	struct service_change c;
	struct error err;
	double start = now_ms();
	if (service_plan_make(p, &c, &err) < 0)
		fail(err.text);
	*ret_plan_ms = now_ms() - start;
	if (service_nft_run(nft, c.text, &err) < 0)
		fail(err.text);
	service_plan_done(p, true);
	*ret_text = TAKE(c.text);
	double ms = now_ms() - start;
	service_change_fini(&c);
	return ms;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

int main(void)
{
	struct service_plan_options o = { "bench", "10.244.0.0/16", "10.96.0.0/16" };
	struct service_plan *p = service_plan_new(&o);
	double ours[CHANGES], floors[CHANGES], plan, first_plan;
	char *text;
	struct service_nft *nft;
	struct error err;
	if (service_nft_new(loop_new(), "skiff-bench", NULL, NULL, &nft, &err) < 0)
		fail(err.text);
	for (unsigned i = 0; i < SERVICES; i++)
		want(p, i, 3);
	double full = apply(nft, p, &text, &first_plan);
	double full_floor = run_nft(text);
	free(text);
	for (int i = 0; i < CHANGES; i++) {
		auto_free char *change = NULL, *back = NULL;
		want(p, 5000, 4);
		ours[i] = apply(nft, p, &change, &plan);
		want(p, 5000, 3);
		(void)apply(nft, p, &back, &plan);
		floors[i] = run_nft(change);
		if (run_nft(back) < 0)
			fail("not undone");
	}
	qsort(ours, CHANGES, sizeof(double), compare);
	qsort(floors, CHANGES, sizeof(double), compare);
	printf("10,000 Services of 3 endpoints, first load\tms\t%.0f\t%.0f\t%.2f\t-\n", full_floor,
	       full, full / full_floor);
	printf("    one more endpoint\tms\t%.1f\t%.1f\t%.2f\t-\n", floors[CHANGES / 2],
	       ours[CHANGES / 2], ours[CHANGES / 2] / floors[CHANGES / 2]);
	fprintf(stderr, "# plan and text alone: %.1f ms and %.2f ms\n", first_plan, plan);
	service_nft_free(nft);
	service_plan_free(p);
	return 0;
}
