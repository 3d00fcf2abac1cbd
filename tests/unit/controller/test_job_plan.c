/* job_plan: completions, indexes, backoff and the end of a Job, as tables. */
#include "common/base/str.h"
#include "controller/job_plan.h"
#include "tests/support/check.h"

static void test_indexes(void)
{
	static const char *const same[] = { "", "0", "0,2", "0,1", "0-2", "1,3-5,7" };
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		bool flags[10] = { 0 };
		job_indexes_parse(same[i], flags, 10);
		auto_free char *text = job_indexes_print(flags, 10);
		CHECK_TEXT("indexes", text, same[i]);
	}
}

/* Pods: letter i failed and ignored, x failed and ends the Job, r running, p pending, s succeeded, f failed, t stopping; upper case: no finalizer
 * any more; '+': its uid is on record. Settings: completions/parallelism/backoffLimit. */
static const struct {
	const char *name, *settings, *pods;
	int64_t succeeded, failed, age_s;
	const char *plan;
} jobs[] = {
	{ "starts", "3/2/6", "", 0, 0, 0, "create 2" },
	{ "keeps two going", "3/2/6", "r r", 0, 0, 0, "" },
	{ "counts a success", "3/2/6", "s r", 0, 0, 0, "count 0 create 1" },
	{ "recorded: the finalizer goes", "3/2/6", "s+ r", 0, 0, 0, "drop 0 create 1" },
	{ "the last ones", "3/2/6", "S r", 2, 0, 0, "" },
	{ "done", "3/2/6", "S S s", 2, 0, 0, "count 2 success" },
	{ "too many go", "3/1/6", "r p", 0, 0, 0, "delete 1" },
	{ "failure backs off", "1/1/6", "f", 0, 0, 0, "count 0 wake 10000" },
	{ "then tries again", "1/1/6", "F", 0, 1, 11, "create 1" },
	{ "limit", "1/1/0", "f", 0, 0, 0, "count 0 fail BackoffLimitExceeded" },
	{ "limit stops the others", "3/2/0", "f r", 0, 0, 0,
	  "count 0 delete 1 fail BackoffLimitExceeded" },
	{ "a stopping pod has failed", "1/1/6", "t", 0, 0, 0, "count 0 create 1" },
	{ "as many as there are", "-1/2/6", "s r", 0, 0, 0, "count 0" },
	{ "ignored by policy", "1/1/0", "i", 0, 0, 11, "drop 0 create 1" },
	{ "ends the Job by policy", "1/1/6", "x", 0, 0, 0, "count 0 fail PodFailurePolicy" },
	{ "the first success ends it", "-1/2/6", "S S", 2, 0, 0, "success" },
};

static void test_jobs(void)
{
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		struct job_pod pods[8];
		size_t n = 0;
		char *end;
		const int64_t now_us = 1000000000;
		struct job_want want = { .uid = "u",
					 .deadline_s = -1,
					 .start_us = 1,
					 .succeeded = jobs[i].succeeded,
					 .failed = jobs[i].failed,
					 .completed_indexes = "",
					 .now_us = now_us };
		want.completions = strtoll(jobs[i].settings, &end, 10);
		want.parallelism = strtoll(end + 1, &end, 10);
		want.backoff_limit = strtoll(end + 1, &end, 10);
		for (const char *p = jobs[i].pods; *p; p++) {
			if (*p == ' ')
				continue;
			if (*p == '+') {
				pods[n - 1].is_uncounted = true;
				want.uncounted_succeeded++;
				continue;
			}
			char letter = (char)(*p | 32);
			static const char *const names[] = {
				"a", "b", "c", "d", "e", "f", "g", "h"
			};
			pods[n] = (struct job_pod){
				.name = names[n],
				.uid = names[n],
				.index = -1,
				.slot = (int64_t)n,
				.phase = letter == 's'           ? JOB_POD_SUCCEEDED
					 : strchr("fix", letter) ? JOB_POD_FAILED
					 : letter == 'p'         ? JOB_POD_PENDING
								 : JOB_POD_RUNNING,
				.is_terminating = letter == 't',
				.has_finalizer = *p == letter,
				.finished_us = now_us - jobs[i].age_s * 1000000,
				.failure = letter == 'i'   ? JOB_FAILURE_IGNORED
					   : letter == 'x' ? JOB_FAILURE_FAILS_JOB
							   : JOB_FAILURE_COUNTS,
			};
			n++;
		}
		struct job_plan plan;
		job_plan_make(&plan, &want, pods, n);
		AUTO_STR got;
		str_init(&got, 4096);
		for (size_t k = 0; k < n; k++)
			if (plan.counts[k])
				str_addf(&got, "%scount %zu", got.len ? " " : "", k);
		for (size_t k = 0; k < n; k++)
			if (plan.drops_finalizer[k])
				str_addf(&got, "%sdrop %zu", got.len ? " " : "", k);
		if (plan.creates_count)
			str_addf(&got, "%screate %zu", got.len ? " " : "", plan.creates_count);
		for (size_t k = 0; k < n; k++)
			if (plan.is_deleted[k])
				str_addf(&got, "%sdelete %zu", got.len ? " " : "", k);
		if (plan.verdict == JOB_SUCCESS_CRITERIA)
			str_addf(&got, "%ssuccess", got.len ? " " : "");
		if (plan.verdict == JOB_FAILURE_TARGET)
			str_addf(&got, "%sfail %s", got.len ? " " : "", plan.reason);
		if (plan.wake_ms >= 0)
			str_addf(&got, "%swake %lld", got.len ? " " : "", (long long)plan.wake_ms);
		CHECK_TEXT(jobs[i].name, got.data, jobs[i].plan);
		job_plan_fini(&plan);
	}
}

int main(void)
{
	test_indexes();
	test_jobs();
	return 0;
}
