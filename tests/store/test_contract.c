/* The store contract: test_contract memory|json|grpc [part of a case's name]. */
#include "tests/store/etcd_process.h"
#include "tests/store/world.h"

#define SKIP 77

static void run_cases(const struct contract_case *cases, enum world_kind kind, const char *only)
{
	for (; cases->name; cases++) {
		if ((cases->needs_process && kind == WORLD_MEMORY) ||
		    (only && !strstr(cases->name, only)))
			continue;
		printf("%s\n", cases->name);
		fflush(stdout);
		struct world *w = xcalloc(1, sizeof *w);
		world_init(w, kind);
		cases->run(w);
		world_fini(w);
		free(w);
	}
}

int main(int argc, char **argv)
{
	static const char *const names[WORLD_KIND_COUNT] = { "memory", "json", "grpc", "grpc-tls" };
	const char *only = argc > 2 ? argv[2] : NULL;
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(names); i++) {
		if (!streq(argv[1], names[i]))
			continue;
		if (i != WORLD_MEMORY && !etcd_process_exists()) {
			fprintf(stderr, "skipped: no etcd (scripts/etcd_for_tests.sh gets one)\n");
			return SKIP;
		}
		run_cases(write_cases, (enum world_kind)i, only);
		run_cases(watch_cases, (enum world_kind)i, only);
		run_cases(fault_cases, (enum world_kind)i, only);
		run_cases(compact_cases, (enum world_kind)i, only);
		return 0;
	}
	fprintf(stderr, "usage: test_contract memory|json|grpc|grpc-tls [case]\n");
	return 2;
}
