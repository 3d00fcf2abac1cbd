/*
 * driver.c - replays a corpus where no libFuzzer is: each argument is a file or a folder of files;
 * each file is one input, and so is each of its prefixes of a power of two and each file with one
 * byte changed at a few places (from a fixed seed), so that a small corpus reaches far.
 */
#include "common/base/rng.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#define INPUT_SIZE_MAX (4u << 20)
#define CHANGES        200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly `size` bytes, so that a read past its end is seen. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = xmemdup(data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_changed(const uint8_t *data, size_t size)
{
	struct rng r = { size };
	for (size_t n = 1; n < size; n *= 2)
		run(data, n);
	for (int i = 0; i < CHANGES && size; i++) {
		uint8_t *copy = xmemdup(data, size);
		copy[rng_below(&r, size)] = (uint8_t)rng_next(&r);
		run(copy, size);
		free(copy);
	}
}

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rbe");
	if (!file) {
		perror(path);
		return 1;
	}
	uint8_t *data = xcalloc(INPUT_SIZE_MAX, 1);
	size_t size = fread(data, 1, INPUT_SIZE_MAX, file);
	fclose(file);
	run(data, size);
	run_changed(data, size);
	free(data);
	return 0;
}

static int run_folder(const char *path)
{
	DIR *folder = opendir(path);
	int failed = 0;
	if (!folder) {
		perror(path);
		return 1;
	}
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (entry->d_name[0] == '.')
			continue;
		auto_free char *name = xasprintf("%s/%s", path, entry->d_name);
		failed |= run_file(name);
	}
	closedir(folder);
	return failed;
}

int main(int argc, char **argv)
{
	int failed = 0;
	for (int i = 1; i < argc; i++) {
		struct stat info;
		if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode))
			failed |= run_folder(argv[i]);
		else
			failed |= run_file(argv[i]);
	}
	return failed;
}
