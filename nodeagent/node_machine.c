#include "nodeagent/node_machine.h"

#include "common/base/base.h"

#include <stdio.h>
#include <sys/statvfs.h>

#define MIB (1024 * (int64_t)1024)
#define GIB (1024 * MIB)

static void read_line(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	out[0] = '\0';
	if (f && !fgets(out, (int)size, f))
		out[0] = '\0';
	if (f)
		fclose(f);
	out[strcspn(out, "\n")] = '\0';
}

static void read_os_name(char *out, size_t size)
{
	char line[256];
	FILE *f = fopen("/etc/os-release", "re");
	out[0] = '\0';
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "PRETTY_NAME=\"%200[^\"]\"", out) == 1)
			break;
	if (f)
		fclose(f);
	if (!out[0] && snprintf(out, size, "Linux") < 0)
		out[0] = '\0';
}

static void read_memory(struct machine *m)
{
	char line[256];
	long long kib;
	FILE *f = fopen("/proc/meminfo", "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemTotal: %lld kB", &kib) == 1)
			m->memory_total = kib * 1024;
		else if (sscanf(line, "MemAvailable: %lld kB", &kib) == 1)
			m->memory_available = kib * 1024;
	}
	if (f)
		fclose(f);
}

static void read_tasks(struct machine *m)
{
	char line[128];
	long long running, all, max;
	read_line("/proc/loadavg", line, sizeof(line));
	if (sscanf(line, "%*s %*s %*s %lld/%lld", &running, &all) == 2)
		m->tasks = all;
	read_line("/proc/sys/kernel/pid_max", line, sizeof(line));
	if (sscanf(line, "%lld", &max) == 1)
		m->tasks_max = max;
}

void machine_measure(const char *root, struct machine *m)
{
	struct statvfs fs;
	*m = (struct machine){ .is_known = true };
	read_line("/etc/machine-id", m->id, sizeof(m->id));
	read_line("/sys/class/dmi/id/product_uuid", m->uuid, sizeof(m->uuid));
	read_os_name(m->os, sizeof(m->os));
	read_memory(m);
	read_tasks(m);
	if (statvfs(root, &fs) == 0) {
		m->disk_total = (int64_t)(fs.f_blocks * fs.f_frsize);
		m->disk_available = (int64_t)(fs.f_bavail * fs.f_frsize);
		m->inodes_total = (int64_t)fs.f_files; /* 0 on some file systems */
		m->inodes_free = (int64_t)fs.f_favail;
	}
}

bool machine_lacks_memory(const struct machine *m)
{
	return m->memory_total > 0 && m->memory_available < MIN(100 * MIB, m->memory_total / 20);
}

static bool is_short_of_disk(const struct machine *m, int64_t percent, int64_t bytes)
{
	return m->disk_total > 0 && m->disk_available < bytes &&
	       m->disk_available < m->disk_total / 100 * percent;
}

bool machine_lacks_disk(const struct machine *m)
{
	return is_short_of_disk(m, 10, 2 * GIB) ||
	       (m->inodes_total > 0 && m->inodes_free < m->inodes_total / 20);
}

bool machine_lacks_tasks(const struct machine *m)
{
	return m->tasks_max > 0 && m->tasks_max - m->tasks < m->tasks_max / 20;
}

bool machine_wants_disk(const struct machine *m)
{
	return is_short_of_disk(m, 15, 5 * GIB) || machine_lacks_disk(m);
}
