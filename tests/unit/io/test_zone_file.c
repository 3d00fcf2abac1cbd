/* Zone files as they are found, and are not. */
#include "common/io/zone_file.h"
#include "tests/support/check.h"

int main(void)
{
	AUTO_STR bytes;
	struct error err = { .text = "" };
	char folder[4096];
	str_init(&bytes, ZONE_FILE_MAX);
	CHECK(getcwd(folder, sizeof folder - 100));
	strncat(folder, "/tests/fuzz/corpus/tzif", 30);
	setenv("TZDIR", folder, 1);
	CHECK_INT(zone_file_read("Europe_Berlin", &bytes, &err), 0);
	CHECK(bytes.len > 44 && memcmp(bytes.data, "TZif", 4) == 0);
	CHECK_INT(zone_file_read("Europe_Atlantis", &bytes, &err), ERR_NOT_FOUND);
	CHECK_TEXT("no such zone", err.text,
		   "there is no time zone 'Europe_Atlantis' on this machine");
	CHECK_INT(zone_file_read(".", &bytes, &err), ERR_NOT_FOUND); /* a folder is no zone */
	setenv("TZDIR", "/nonexistent", 1);
	CHECK_INT(zone_file_read("Europe_Berlin", &bytes, &err), ERR_NOT_FOUND);
	CHECK_TEXT("no tzdata", err.text,
		   "there is no time zone 'Europe_Berlin': install the package tzdata");
	/* More than a zone can be. */
	setenv("TZDIR", "/", 1);
	str_clear(&bytes);
	char path[] = "/tmp/zone-XXXXXX";
	int fd = mkstemp(path);
	CHECK(fd >= 0 && ftruncate(fd, ZONE_FILE_MAX + 1) == 0);
	CHECK_INT(zone_file_read(path + 1, &bytes, &err), ERR_LIMIT);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(close(fd), 0);
	return 0;
}
