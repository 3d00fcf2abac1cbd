/* When too little of the machine is left. */
#include "nodeagent/node_machine.h"

#include "common/base/base.h"
#include "tests/support/check.h"

#define MIB (1024 * (int64_t)1024)
#define GIB (1024 * MIB)

static const struct {
	const char *name;
	struct machine m;
	bool memory, disk, tasks, images;
} rows[] = {
	{ "unknown", { .is_known = false }, false, false, false, false },
	{ "plenty",
	  { .memory_total = 8 * GIB,
	    .memory_available = 4 * GIB,
	    .disk_total = 100 * GIB,
	    .disk_available = 50 * GIB,
	    .inodes_total = 1000,
	    .inodes_free = 500,
	    .tasks = 100,
	    .tasks_max = 32768 },
	  false,
	  false,
	  false,
	  false },
	{ "memory",
	  { .memory_total = 8 * GIB, .memory_available = 90 * MIB },
	  true,
	  false,
	  false,
	  false },
	{ "a small board",
	  { .memory_total = GIB, .memory_available = 60 * MIB },
	  false,
	  false,
	  false,
	  false },
	{ "a large disk",
	  { .disk_total = 1000 * GIB, .disk_available = 20 * GIB },
	  false,
	  false,
	  false,
	  false },
	{ "disk for images",
	  { .disk_total = 30 * GIB, .disk_available = 4 * GIB },
	  false,
	  false,
	  false,
	  true },
	{ "disk", { .disk_total = 30 * GIB, .disk_available = GIB }, false, true, false, true },
	{ "inodes", { .inodes_total = 1000, .inodes_free = 49 }, false, true, false, true },
	{ "tasks", { .tasks = 32000, .tasks_max = 32768 }, false, false, true, false },
};

int main(void)
{
	struct machine now;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *yes = "yes", *no = "no";
		CHECK_TEXT(rows[i].name, machine_lacks_memory(&rows[i].m) ? yes : no,
			   rows[i].memory ? yes : no);
		CHECK_TEXT(rows[i].name, machine_lacks_disk(&rows[i].m) ? yes : no,
			   rows[i].disk ? yes : no);
		CHECK_TEXT(rows[i].name, machine_lacks_tasks(&rows[i].m) ? yes : no,
			   rows[i].tasks ? yes : no);
		CHECK_TEXT(rows[i].name, machine_wants_disk(&rows[i].m) ? yes : no,
			   rows[i].images ? yes : no);
	}
	machine_measure("/", &now);
	CHECK(now.is_known && now.memory_total > 0 && now.disk_total > 0 && now.tasks > 0);
	return 0;
}
