/*
 * node_machine.h - what the machine is and how much of it is left. Blocking reads of /proc, /sys
 * and the file system: on a worker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct machine {
	char id[64], uuid[64], os[256];
	int64_t memory_available, memory_total; /* bytes */
	int64_t disk_available, disk_total, inodes_free, inodes_total;
	int64_t tasks, tasks_max;
	bool is_known;
};

void machine_measure(const char *root, struct machine *ret);

/* Too little is left: of memory under 100 MiB (5 % where that is less), of disk under 10 % and
 * 2 GiB or of its inodes under 5 %, of process ids under 5 %. Unknown is no pressure. */
bool machine_lacks_memory(const struct machine *m);
bool machine_lacks_disk(const struct machine *m);
bool machine_lacks_tasks(const struct machine *m);
/* Unused images should go: under 15 % and 5 GiB of disk left. */
bool machine_wants_disk(const struct machine *m);
