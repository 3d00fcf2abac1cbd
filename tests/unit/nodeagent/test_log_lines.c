/* log_lines and log_file: CRI's lines as kubectl logs shows them, tails, limits. */
#include "nodeagent/log_file.h"
#include "tests/support/check.h"

#include <stdio.h>

#define T1 "2025-12-01T00:00:01.000000001Z"
#define T2 "2025-12-01T00:00:02Z"

static const char text[] = T1 " stdout F one\n" T1 " stderr F two\n" T2 " stdout P thr\n" T2
			      " stdout F ee\n" T2 " stdout F \n";

static const struct {
	const char *query, *want;
} table[] = {
	{ "", "one\ntwo\nthree\n\n" },
	{ "tailLines=2", "ee\n\n" },
	{ "tailLines=0", "" },
	{ "tailLines=100", "one\ntwo\nthree\n\n" },
	{ "limitBytes=5", "one\nt" },
	{ "stream=Stderr", "two\n" },
	{ "sinceTime=2025-12-01T00:00:02Z", "three\n\n" },
	{ "timestamps=true&tailLines=1", T2 " \n" },
	{ "timestamps=1&limitBytes=34", T1 " one" },
};

static void no_wake(void *ctx)
{
	(void)ctx;
}

static bool not_live(void *ctx)
{
	(void)ctx;
	return false;
}

static void test_table(struct loop *loop, const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct log_file_options o = { .path = path, .wake = no_wake, .is_live = not_live };
		struct log_file *f;
		struct error err;
		char buf[7];
		AUTO_STR got;
		str_init(&got, 1000);
		CHECK_INT(log_options_parse(table[i].query, 0, &o.log, &err), 0);
		CHECK_INT(log_file_open(loop, &o, &f, &err), 0);
		for (ssize_t n; (n = log_file_read(f, buf, sizeof(buf))) > 0;)
			str_add_bytes(&got, buf, (size_t)n);
		CHECK_TEXT(table[i].query, got.data, table[i].want);
		log_file_free(f);
	}
}

static void test_queries(void)
{
	struct log_options o;
	struct error err;
	CHECK_INT(log_options_parse("tailLines=x", 0, &o, &err), ERR_MALFORMED);
	CHECK_INT(log_options_parse("limitBytes=-1", 0, &o, &err), ERR_MALFORMED);
	CHECK_INT(log_options_parse("sinceTime=yesterday", 0, &o, &err), ERR_MALFORMED);
	auto_free char *second = query_value("command=a&command=b%20c+d&x", "command", 1);
	CHECK_TEXT("second", second, "b c d");
	CHECK(query_true("command=a&x", "x") && !query_true("xx=1", "x"));
}

int main(void)
{
	AUTO(loop) *loop = loop_new();
	char path[] = "/tmp/skiff-log-XXXXXX";
	int fd = mkstemp(path);
	CHECK(fd >= 0 && write(fd, text, sizeof(text) - 1) == sizeof(text) - 1);
	close(fd);
	test_table(loop, path);
	test_queries();
	unlink(path);
	return 0;
}
