/* Log rotation on a real directory. */
#include "nodeagent/house.h"
#include "tests/support/check.h"

#include <stdio.h>
#include <sys/stat.h>

static void put(const char *dir, const char *name, size_t size)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "we");
	CHECK(f != NULL);
	for (size_t i = 0; i < size; i++)
		CHECK(fputc('x', f) == 'x');
	CHECK_INT(fclose(f), 0);
}

static bool is_there(const char *dir, const char *name)
{
	struct stat s;
	auto_free char *path = xasprintf("%s/%s", dir, name);
	return stat(path, &s) == 0;
}

int main(void)
{
	char dir[] = "/tmp/skiff-rotate-XXXXXX";
	CHECK(mkdtemp(dir) != NULL);
	char *moved = NULL;
	put(dir, "0.log", 5);
	put(dir, "1.log", 5);
	put(dir, "2.log", 50);
	put(dir, "other", 5);
	CHECK(!log_rotate(dir, 2, true, 100, 1000, &moved)); /* not long enough */
	CHECK(!is_there(dir, "0.log"));                      /* two lives ago */
	CHECK(is_there(dir, "1.log"));
	CHECK(is_there(dir, "other"));
	CHECK(!log_rotate(dir, 2, false, 10, 1000, &moved)); /* nobody writes there */
	for (int64_t now_ms = 1001; now_ms < 1010; now_ms++) {
		put(dir, "2.log", 50);
		CHECK(log_rotate(dir, 2, true, 10, now_ms, &moved));
		CHECK(!is_there(dir, "2.log"));
		free(moved);
	}
	CHECK(!is_there(dir, "2.log.0000000001005"));
	CHECK(is_there(dir, "2.log.0000000001006"));
	CHECK(is_there(dir, "2.log.0000000001009"));
	CHECK(!log_rotate(dir, 3, true, 10, 2000, &moved));
	CHECK(is_there(dir, "2.log.0000000001009")); /* of the life before: previous logs */
	CHECK(!log_rotate(dir, 4, true, 10, 2000, &moved));
	CHECK(!is_there(dir, "2.log.0000000001009"));
	auto_free char *tidy = xasprintf("rm -rf %s", dir);
	CHECK_INT(system(tidy), 0);
	return 0;
}
