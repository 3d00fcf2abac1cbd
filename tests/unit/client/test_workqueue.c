/* workqueue: its promises as a table of one-letter verbs, and against a dumb twin. */
#include "common/client/workqueue.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "tests/support/check.h"

/* "+a" add, "t" take, "d" done, "r" retry (the key taken last), "~10" time passes, "?" due in. */
static const struct {
	const char *name, *script, *result;
} rows[] = {
	{ "empty", "t ?", "- -1" },
	{ "once, however often it is added", "+a +a +a t d t", "a -" },
	{ "first in, first out", "+a +b t d t d t", "a b -" },
	{ "not twice at once", "+a t +a t", "a -" },
	{ "re-added while taken", "+a t +a d t d t", "a a -" },
	{ "backoff doubles", "+a t r ? ~10 t r ? ~20 t r ?", "a 10 a 20 a 40" },
	{ "success forgets failures", "+a t r ~10 t d +a t r ?", "a a a 10" },
	{ "event beats backoff", "+a t r +a ?", "a 0" },
	{ "limit", "+a +b +c", "ERR_LIMIT" },
	{ "room again", "+a +b t d +c t d t d", "a b c" },
};

static void run_script(const char *script, struct str *out)
{
	AUTO(workqueue) *q = workqueue_new(2, 0);
	struct error err;
	char taken[8] = "";
	int64_t now_ms = 1000;
	for (const char *p = script; *p; p++) {
		const char *gap = out->len ? " " : "";
		if (*p == '+') {
			const char key[2] = { *++p, '\0' };
			if (workqueue_add(q, key, now_ms, 0, &err) < 0)
				str_addf(out, "%sERR_LIMIT", gap);
		} else if (*p == 't') {
			const char *key = workqueue_take(q, now_ms);
			str_addf(out, "%s%s", gap, key ? key : "-");
			if (key)
				CHECK(snprintf(taken, sizeof taken, "%s", key) > 0);
		} else if (*p == 'd' || *p == 'r') {
			workqueue_finish(q, taken, *p == 'd' ? WORK_DONE : WORK_RETRY, now_ms);
		} else if (*p == '~') {
			char *end;
			now_ms += strtol(p + 1, &end, 10);
			p = end - 1;
		} else if (*p == '?') {
			str_addf(out, "%s%lld", gap, (long long)workqueue_due_in_ms(q, now_ms));
		}
	}
}

/* Random adds, takes and finishes: every key added is handed out, in order of due time. */
static void test_many(void)
{
	struct rng rng = { 7 };
	AUTO(workqueue) *q = workqueue_new(100000, 1);
	struct error err;
	char key[16];
	for (int i = 0; i < 100000; i++) {
		CHECK(snprintf(key, sizeof key, "k%05d", i) > 0);
		CHECK_INT(workqueue_add(q, key, 0, (int64_t)rng_below(&rng, 1000), &err), 0);
	}
	CHECK_INT(workqueue_add(q, "more", 0, 0, &err), ERR_LIMIT);
	int64_t taken = 0;
	for (int64_t now_ms = 0; workqueue_count(q) > 0;) {
		int64_t due_ms = workqueue_due_in_ms(q, now_ms);
		CHECK(due_ms >= 0 && now_ms + due_ms < 2000);
		now_ms += due_ms;
		const char *next = workqueue_take(q, now_ms);
		CHECK(next);
		bool again = taken < 100000 && rng_one_in(&rng, 10);
		workqueue_finish(q, next, again ? WORK_RETRY : WORK_DONE, now_ms);
		taken++;
	}
	CHECK(taken >= 100000);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_STR out;
		str_init(&out, 4096);
		run_script(rows[i].script, &out);
		CHECK_TEXT(rows[i].name, out.data, rows[i].result);
	}
	test_many();
	return 0;
}
