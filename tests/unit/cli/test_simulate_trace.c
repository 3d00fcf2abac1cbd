/*
 * Traces of every wrong kind: each is refused with file, line and what is wrong; and those that are
 * right come out as columns. Machines of --servers, too.
 */
#include "cli/simulate_run.h"
#include "tests/support/check.h"

static const char *read_text(const char *text, size_t len, const char *path, struct trace_form *f,
			     struct trace *t, struct error *err)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, len, "r");
	CHECK(file);
	int code = trace_read_file(file, path, f, t, err);
	fclose(file);
	return code < 0 ? err->text : "";
}

#define H       "id,arrival_us,size_us\n"
#define SWF_JOB " 0 10 2 -1 -1 2 20 -1 1 7 1 3 1 -1 -1 -1\n"

static void test_refused(void)
{
	static const struct {
		const char *name, *path, *text, *error;
	} rows[] = {
		{ "only a header", "t.csv", H, "t.csv: no jobs in it" },
		{ "a gap", "t.csv", H "1,0,5\n2,,5\n", "t.csv:3: arrival_us is empty" },
		{ "an empty line", "t.csv", H "1,0,5\n\n2,1,5\n", "t.csv:3: an empty line" },
		{ "cut off", "t.csv", H "1,0,5\n2,1",
		  "t.csv:3: 2 fields, where there are 3 columns" },
		{ "too much", "t.csv", H "1,0,5,6\n",
		  "t.csv:2: 4 fields, where there are 3 columns" },
		{ "negative arrival", "t.csv", H "1,-1,5\n",
		  "t.csv:2: the arrival -1 is negative" },
		{ "negative size", "t.csv", H "1,1,-5\n", "t.csv:2: the size -5 is negative" },
		{ "unsorted", "t.csv", H "1,9,5\n2,3,5\n",
		  "t.csv:3: arrival 3 comes after 9: sort the trace by arrival, or give --sort" },
		{ "twice", "t.csv", H "4,0,5\n4,0,5\n", "t.csv:3: the id 4 is also in line 2" },
		{ "a word", "t.csv", H "1,0,five\n", "t.csv:2: size_us 'five' is no whole number" },
		{ "a fraction", "t.csv", H "1,0,1.5\n",
		  "t.csv:2: size_us '1.5' is no whole number" },
		{ "infinite", "t.csv", H "1,0,inf\n", "t.csv:2: size_us 'inf' is no whole number" },
		{ "too large a number", "t.csv", H "1,0,99999999999999999999\n",
		  "t.csv:2: size_us '99999999999999999999' is no whole number" },
		{ "too long a time", "t.csv", H "1,0,9223372036854775807\n",
		  "t.csv:2: the times are too large: together over 18,000 years" },
		{ "estimate too long", "t.csv",
		  "id,arrival_us,size_us,estimate_us\n1,0,1,9223372036854775807\n",
		  "t.csv:2: the estimate 9223372036854775807 is out of bounds" },
		{ "column unknown", "t.csv", "id,arrival_us,size_us,colour\n1,0,1,red\n",
		  "t.csv:1: there is no column 'colour': known are id, arrival_us, size_us, estimate_us, priority, "
		  "deadline_us, class, members, and the resources that --servers names" },
		{ "column missing", "t.csv", "id,size_us\n1,1\n",
		  "t.csv:1: the column 'arrival_us' is missing in the first line" },
		{ "column twice", "t.csv", "id,arrival_us,size_us,id\n1,0,1,1\n",
		  "t.csv:1: the column 'id' stands there twice" },
		{ "no members", "t.csv", "id,arrival_us,size_us,members\n1,0,1,0\n",
		  "t.csv:2: members is 1 to 1000000, not 0" },
		{ "priority", "t.csv", "id,arrival_us,size_us,priority\n1,0,1,3000000000\n",
		  "t.csv:2: the priority 3000000000 is out of bounds" },
		{ "SWF cut off", "t.swf", "; MaxProcs: 4\n1 0 5 10 2\n",
		  "t.swf:2: 5 numbers, where SWF has 18: is the line cut off?" },
		{ "SWF too much", "t.swf", "1 0 5 10 2 -1 -1 2 20 -1 1 7 1 3 1 -1 -1 -1 9\n",
		  "t.swf:1: more than 18 numbers" },
		{ "SWF not a number", "t.swf", "1 0 5 ten 2 -1 -1 2 20 -1 1 7 1 3 1 -1 -1 -1\n",
		  "t.swf:1: 'ten' is no number" },
		{ "SWF negative", "t.swf", "1 -7 5 10 2 -1 -1 2 20 -1 1 7 1 3 1 -1 -1 -1\n",
		  "t.swf:1: the submit time -7 is negative" },
		{ "SWF run negative", "t.swf", "1 0 5 -3 2 -1 -1 2 20 -1 1 7 1 3 1 -1 -1 -1\n",
		  "t.swf:1: the run time -3 is negative" },
		{ "SWF unsorted", "t.swf", "1 50" SWF_JOB "2 40" SWF_JOB,
		  "t.swf:2: arrival 40000000 comes after 50000000: sort the trace by arrival, or give --sort" },
		{ "SWF all cancelled", "t.swf", "1 0 5 -1 2 -1 -1 2 20 -1 5 7 1 3 1 -1 -1 -1\n",
		  "t.swf: no jobs in it" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_TRACE t = { 0 };
		struct trace_form f = { 0 };
		struct error err;
		CHECK_TEXT(
			rows[i].name,
			read_text(rows[i].text, strlen(rows[i].text), rows[i].path, &f, &t, &err),
			rows[i].error);
	}
}

static void test_bytes(void)
{
	AUTO_TRACE t = { 0 };
	struct trace_form f = { 0 };
	struct error err;
	char *line = xcalloc(10001, 1);
	memset(line, '7', 10000);
	CHECK_TEXT("no end of a line", read_text(line, 10000, "t.csv", &f, &t, &err),
		   "t.csv:1: a line of more than 4094 characters, or a zero byte");
	free(line);
	CHECK_TEXT("a zero byte",
		   read_text(H "1,0\0,5\n2,3,4\n", sizeof(H) + 13, "t.csv", &f, &t, &err),
		   "t.csv:2: a line of more than 4094 characters, or a zero byte");
}

static void test_columns(void)
{
	static const char text[] =
		"\xef\xbb\xbfid, arrival_us ,size_us,priority,deadline_us,class,cpu,memory\r\n"
		"9,0,5,,,a,500m,1Gi\r\n3,0,6,-2,40,b,2,512Mi\r\n4,7,0,1,0,a,500m,1Gi";
	static const char *const names[] = { "cpu", "memory" };
	AUTO_TRACE t = { 0 };
	struct trace_form f = { .resources = names, .resources_count = 2 };
	struct error err;
	CHECK_TEXT("read", read_text(text, sizeof text - 1, "t.csv", &f, &t, &err), "");
	/* Equal arrivals come in order of id; equal needs are one request. */
	CHECK_INT(t.replay.count, 3);
	CHECK(t.ids[0] == 3 && t.ids[1] == 9 && t.ids[2] == 4);
	CHECK(t.rank[0] == 0 && t.rank[1] == 2 && t.rank[2] == 1);
	CHECK(t.priority[0] == -2 && t.priority[1] == 0 && t.deadline_us[0] == 40);
	CHECK_INT(t.replay.requests_count, 2);
	CHECK(t.request_of[1] == t.request_of[2]);
	CHECK_INT(t.requests[t.request_of[1]].need[0], 500);
	CHECK_INT(t.requests[t.request_of[0]].need[1], (INT64_C(512) << 20) * 1000);
	CHECK(t.classes_count == 2 && t.class_of[1] == t.class_of[2]);
	AUTO_TRACE plain = { 0 };
	struct trace_form sorted = { .sorts = true };
	CHECK_TEXT("no names", read_text("1,8,5\n2,3,4\n", 12, "t.csv", &sorted, &plain, &err), "");
	CHECK(plain.arrival_us[0] == 3 && plain.size_us[1] == 5 && !plain.replay.request_of);
}

static void test_swf(void)
{
	static const char text[] =
		"; MaxProcs: 64\n\n1 10" SWF_JOB "2 20 0 -1 -1 -1 -1 4 9 -1 5 7 1 3 1 -1 -1 -1\n"
		"3 30 0 2.5 8 -1 -1 -1 -1 -1 1 7 1 4 1 -1 -1 -1\n";
	AUTO_TRACE t = { 0 };
	struct trace_form f = { 0 };
	struct error err;
	CHECK_TEXT("read", read_text(text, sizeof text - 1, "t", &f, &t, &err), "");
	CHECK(t.replay.count == 2 && t.skipped == 1 && t.processors == 64);
	CHECK(t.arrival_us[0] == 10000000 && t.size_us[0] == 10000000 &&
	      t.estimate_us[0] == 20000000);
	CHECK(t.requests[t.request_of[1]].need[0] == 8 && t.size_us[1] == 2500000);
	CHECK(t.estimate_us[1] == 2500000 && t.classes_count == 2);
}

static void test_machines(void)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "0", "no servers: --servers is a number from 1 to 1000000000, not '0'" },
		{ "", "no servers: --servers is a number from 1 to 1000000000, not ''" },
		{ "many",
		  "neither a number nor nodes (cpu=4;cpu=2): --servers is a number from 1 to 1000000000, not "
		  "'many'" },
		{ "cpu=0", "--servers: 'cpu=0': nothing could ever run with that" },
		{ "cpu=x", "--servers: 'cpu=x' is no amount: write cpu=4 or memory=8Gi" },
		{ "0*cpu=1", "--servers: 1 to 10000 nodes" },
		{ "20000*cpu=1", "--servers: 1 to 10000 nodes" },
		{ "=4", "--servers: a resource has a name: cpu=4" },
		{ "a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1",
		  "--servers: more than 8 different resources" },
	};
	struct error err;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_MACHINE m = { 0 };
		CHECK(machine_parse(rows[i].text, &m, &err) < 0);
		CHECK_TEXT(rows[i].text, err.text, rows[i].error);
	}
	AUTO_MACHINE m = { 0 };
	CHECK(machine_parse("cpu=4,memory=8Gi;2*cpu=500m", &m, &err) == 0);
	CHECK(m.places_count == 3 && m.resources_count == 2);
	CHECK(m.places[0] == 4000 && m.places[4] == 500 && m.places[5] == 0);
}

static void test_laws(void)
{
	static const char *const bad[] = {
		"exp",          "exp:",         "exp:0",  "exp:-1",       "exp:x",
		"exp:nan",      "exp:1,2",      "det:-1", "pareto:1.5,2", "pareto:1.5,2,1",
		"pareto:0,1,2", "pareto:1,0,2", "gauss:1"
	};
	static const char *const bad_rates[] = { "poisson", "poisson:0", "poisson:inf",
						 "poisson:1e9", "0.5" };
	struct service s;
	struct error err;
	double rate;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(service_parse(bad[i], &s, &err) < 0 &&
		      starts_with(err.text, "--service is "));
	for (size_t i = 0; i < ARRAY_LEN(bad_rates); i++)
		CHECK(rate_parse(bad_rates[i], &rate, &err) < 0 &&
		      starts_with(err.text, "--arrivals is "));
	AUTO_TRACE a = { 0 }, b = { 0 };
	CHECK(trace_draw("poisson:0.5", "pareto:1.5,0.4,40", 1000, 7, &a, &err) == 0);
	CHECK(trace_draw("poisson:0.5", "pareto:1.5,0.4,40", 1000, 7, &b, &err) == 0);
	for (size_t i = 0; i < 1000; i++) {
		CHECK(a.arrival_us[i] == b.arrival_us[i] && a.size_us[i] == b.size_us[i]);
		CHECK(a.size_us[i] >= 400000 && a.size_us[i] <= 40000000);
	}
	trace_blur(&a, 0, 1);
	CHECK(a.estimate_us[5] == a.size_us[5]);
}

int main(void)
{
	test_refused();
	test_bytes();
	test_columns();
	test_swf();
	test_machines();
	test_laws();
	return 0;
}
