/*
 * Budgets: a table of budgets and pods, and what their status should say as text; and another of what
 * an eviction takes.
 *
 * A pod is "NAME/OWNER=SCALE" and letters: r ready, s stopping; without an owner nobody controls it,
 * "?" after the owner: its scale is not known.
 */
#include "common/base/jsonx.h"
#include "common/base/time_text.h"
#include "common/plan/budget_plan.h"
#include "tests/support/check.h"

#define NOW "2027-01-01T12:00:00Z"
#define AGO "2027-01-01T11:59:00Z" /* a minute */
#define OLD "2027-01-01T11:57:59Z" /* more than two */

static const struct {
	const char *name, *spec, *status, *pods, *want;
} rows[] = {
	{ "nobody", "'minAvailable':1", "", "", "allowed 0, healthy 0 of 1, expected 0, False" },
	{ "a number", "'minAvailable':2", "", "a/o=3r b/o=3r c/o=3r",
	  "allowed 1, healthy 3 of 2, expected 3, True" },
	{ "pods as they are", "'minAvailable':1", "", "a/o=9r b/o=9",
	  "allowed 0, healthy 1 of 1, expected 2, False" },
	{ "more than there are", "'minAvailable':5", "", "a/o=3r",
	  "allowed 0, healthy 1 of 5, expected 1, False" },
	{ "nobody controls them", "'minAvailable':1", "", "ar br",
	  "allowed 1, healthy 2 of 1, expected 2, True" },
	{ "a part", "'minAvailable':'50%'", "", "a/o=4r b/o=4r c/o=4r",
	  "allowed 1, healthy 3 of 2, expected 4, True" },
	{ "a part is rounded up", "'minAvailable':'50%'", "", "a/o=3r b/o=3r c/o=3r",
	  "allowed 1, healthy 3 of 2, expected 3, True" },
	{ "of two controllers", "'minAvailable':'50%'", "", "a/o=2r b/p=2r c/o=2r",
	  "allowed 1, healthy 3 of 2, expected 4, True" },
	{ "a part of nobody's", "'minAvailable':'50%'", "", "ar br",
	  "allowed 0, healthy 2 of 0, expected 0, False, unmanaged" },
	{ "so many may be missing", "'maxUnavailable':1", "", "a/o=3r b/o=3r c/o=3r",
	  "allowed 1, healthy 3 of 2, expected 3, True" },
	{ "one is missing", "'maxUnavailable':1", "", "a/o=3r b/o=3r",
	  "allowed 0, healthy 2 of 2, expected 3, False" },
	{ "all may be", "'maxUnavailable':9", "", "a/o=3r",
	  "allowed 1, healthy 1 of 0, expected 3, True" },
	{ "a part may be, rounded up", "'maxUnavailable':'30%'", "", "a/o=3r b/o=3r c/o=3r",
	  "allowed 1, healthy 3 of 2, expected 3, True" },
	{ "an unknown controller", "'maxUnavailable':1",
	  "'disruptionsAllowed':1,'currentHealthy':1,", "a/o?r",
	  "failed: found no controllers for pod \"a\"" },
	{ "does not matter to a number", "'minAvailable':0", "", "a/o?r",
	  "allowed 1, healthy 1 of 0, expected 1, True" },
	{ "who stops is not healthy", "'minAvailable':1", "", "a/o=2r b/o=2rs",
	  "allowed 0, healthy 1 of 1, expected 2, False" },
	{ "nor who is evicted", "'minAvailable':1", "'disruptedPods':{'b':'" AGO "'},",
	  "a/o=2r b/o=2r",
	  "allowed 0, healthy 1 of 1, expected 2, False, disrupted b, wake 60001" },
	{ "who was not evicted after all is", "'minAvailable':1",
	  "'disruptedPods':{'b':'" OLD "'},", "a/o=2r b/o=2r",
	  "allowed 1, healthy 2 of 1, expected 2, True" },
	{ "who is gone is forgotten", "'minAvailable':1", "'disruptedPods':{'c':'" AGO "'},",
	  "a/o=2r b/o=2r", "allowed 1, healthy 2 of 1, expected 2, True" },
	{ "as it is", "'minAvailable':1",
	  "'observedGeneration':3,'disruptionsAllowed':1,'currentHealthy':2,'desiredHealthy':1,"
	  "'expectedPods':2,",
	  "a/o=2r b/o=2r", "same" },
};

static json_t *parse(char *text)
{
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	json_t *tree = json_loads(text, 0, NULL);
	if (!tree)
		fprintf(stderr, "no JSON: %s\n", text);
	CHECK(tree);
	free(text);
	return tree;
}

/* Cuts the text; what is read lives in it. */
static size_t read_pods(char *text, struct budget_pod pods[8])
{
	size_t n = 0;
	for (char *word; *text && (word = strsep(&text, " "));) {
		struct budget_pod *p = &pods[n++];
		char *end = word + strlen(word);
		*p = (struct budget_pod){ .name = word };
		for (; end > word && (end[-1] == 'r' || end[-1] == 's'); *--end = '\0') {
			p->is_ready |= end[-1] == 'r';
			p->is_stopping |= end[-1] == 's';
		}
		char *slash = strchr(word, '/');
		if (slash) {
			char *is = strpbrk(slash, "=?");
			CHECK(is);
			if (*is == '?')
				p->problem = "found no controllers for pod \"a\"";
			else
				p->owner_scale = atoi(is + 1);
			*is = *slash = '\0';
			p->owner_uid = slash + 1;
		}
		if (!text)
			break;
	}
	return n;
}

static void show(const struct budget_status *s, struct str *out)
{
	const json_t *c = json_array_get(json_object_get(s->status, "conditions"), 0);
	const char *pod;
	json_t *at;
	if (!s->status) {
		str_add(out, "same");
		return;
	}
	CHECK_TEXT("condition", json_str_or(c, "type", ""), "DisruptionAllowed");
	CHECK(json_str(c, "lastTransitionTime"));
	if (streq(json_str_or(c, "reason", ""), "SyncFailed")) {
		CHECK_INT(json_int_or(s->status, "disruptionsAllowed", -1), 0);
		str_addf(out, "failed: %s", json_str_or(c, "message", ""));
		return;
	}
	CHECK_INT(json_int_or(c, "observedGeneration", 0), 3);
	str_addf(out, "allowed %lld, healthy %lld of %lld, expected %lld, %s",
		 (long long)json_int_or(s->status, "disruptionsAllowed", -1),
		 (long long)json_int_or(s->status, "currentHealthy", -1),
		 (long long)json_int_or(s->status, "desiredHealthy", -1),
		 (long long)json_int_or(s->status, "expectedPods", -1),
		 json_str_or(c, "status", ""));
	json_object_foreach (json_object_get(s->status, "disruptedPods"), pod, at)
		str_addf(out, ", disrupted %s", pod);
	if (s->wake_ms >= 0)
		str_addf(out, ", wake %lld", (long long)s->wake_ms);
	if (s->has_unmanaged)
		str_add(out, ", unmanaged");
}

static void run(size_t i)
{
	struct budget_pod pods[8];
	struct budget_status s;
	int64_t now_us;
	CHECK(time_parse(NOW, &now_us));
	auto_free char *words = xstrdup(rows[i].pods);
	size_t n = read_pods(words, pods);
	AUTO_JSON *budget = parse(xasprintf(
		"{'metadata':{'name':'b','generation':3},'spec':{%s},'status':{%s'conditions':[{'type':"
		"'DisruptionAllowed','status':'True','reason':'SufficientPods','message':'',"
		"'observedGeneration':3,'lastTransitionTime':'" AGO "'}]}}",
		rows[i].spec, rows[i].status));
	budget_status_make(budget, pods, n, now_us, &s);
	AUTO_STR got;
	str_init(&got, 4096);
	show(&s, &got);
	CHECK_TEXT(rows[i].name, got.data, rows[i].want);
	if (s.status) { /* it stays as it was said */
		struct budget_status again;
		json_object_set(budget, "status", s.status);
		budget_status_make(budget, pods, n, now_us, &again);
		CHECK(!again.status);
	}
	json_decref(s.status);
}

#define SEEN "'observedGeneration':3,"

static const struct {
	const char *name, *spec, *status;
	bool is_ready;
	enum budget_verdict verdict;
	const char *want; /* why, or what is left */
} takes[] = {
	{ "one of two", "", SEEN "'disruptionsAllowed':2", true, BUDGET_TAKEN, "1 " },
	{ "the last", "", SEEN "'disruptionsAllowed':1", true, BUDGET_TAKEN, "0 False" },
	{ "who is not ready is taken from", "", SEEN "'disruptionsAllowed':1", false, BUDGET_TAKEN,
	  "0 False" },
	{ "but not while enough are", "",
	  SEEN "'disruptionsAllowed':0,'currentHealthy':1,'desiredHealthy':1", false, BUDGET_FREE,
	  "0 " },
	{ "or if any may", "'unhealthyPodEvictionPolicy':'AlwaysAllow'", "", false, BUDGET_FREE,
	  "0 " },
	{ "healthy ones may not", "'unhealthyPodEvictionPolicy':'AlwaysAllow'", SEEN "'x':1", true,
	  BUDGET_SPENT, "The disruption budget b needs 0 healthy pods and has 0 currently" },
	{ "an old count", "", "'observedGeneration':2,'disruptionsAllowed':5", true, BUDGET_BEHIND,
	  "The disruption budget b is still being processed by the server." },
	{ "less than nothing", "", SEEN "'disruptionsAllowed':-1", true, BUDGET_BROKEN,
	  "pdb disruptions allowed is negative" },
	{ "none", "", SEEN "'currentHealthy':2,'desiredHealthy':3", true, BUDGET_SPENT,
	  "The disruption budget b needs 3 healthy pods and has 2 currently" },
	{ "none, for a reason", "",
	  SEEN "'currentHealthy':4,'desiredHealthy':3,'conditions':[{'type':'DisruptionAllowed',"
	       "'status':'False','reason':'R','message':'m'}]",
	  true, BUDGET_SPENT,
	  "The disruption budget b does not allow evicting pods currently (R): m" },
	{ "none, for no reason", "", SEEN "'currentHealthy':4,'desiredHealthy':3", true,
	  BUDGET_SPENT, "The disruption budget b does not allow evicting pods currently" },
	{ "no count", "",
	  SEEN "'currentHealthy':1,'desiredHealthy':3,'conditions':[{'type':'DisruptionAllowed',"
	       "'status':'False','reason':'SyncFailed','message':'m'}]",
	  true, BUDGET_SPENT,
	  "The disruption budget b does not allow evicting pods currently because it failed sync: m" },
};

static void take(size_t i)
{
	AUTO_JSON *budget = parse(
		xasprintf("{'metadata':{'name':'b','generation':3},'spec':{%s},'status':{%s}}",
			  takes[i].spec, takes[i].status));
	AUTO_STR got;
	str_init(&got, 4096);
	enum budget_verdict verdict = budget_take(budget, "p", takes[i].is_ready, NOW, &got);
	if (verdict != takes[i].verdict)
		fprintf(stderr, "%s\n", takes[i].name);
	CHECK_INT(verdict, takes[i].verdict);
	if (verdict == BUDGET_TAKEN)
		CHECK_TEXT("when", json_str_or(budget, "status.disruptedPods.p", ""), NOW);
	else
		CHECK(!json_dig(budget, "status.disruptedPods"));
	if (verdict == BUDGET_TAKEN || verdict == BUDGET_FREE)
		str_addf(&got, "%lld %s",
			 (long long)json_int_or(budget, "status.disruptionsAllowed", 0),
			 json_str_or(json_array_get(json_dig(budget, "status.conditions"), 0),
				     "status", ""));
	CHECK_TEXT(takes[i].name, got.data, takes[i].want);
}

static void full(void)
{
	AUTO_JSON *budget =
		parse(xstrdup("{'metadata':{'name':'b'},'status':{'disruptionsAllowed':1,"
			      "'disruptedPods':{}}}"));
	AUTO_STR why;
	str_init(&why, 4096);
	for (int i = 0; i <= BUDGET_DISRUPTED_MAX; i++) {
		auto_free char *name = xasprintf("p%d", i);
		json_object_set_new(json_dig(budget, "status.disruptedPods"), name,
				    json_string(NOW));
	}
	CHECK_INT(budget_take(budget, "p", true, NOW, &why), BUDGET_BROKEN);
	CHECK_TEXT(
		"full", why.data,
		"DisruptedPods map too big - too many evictions not confirmed by PDB controller");
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		run(i);
	for (size_t i = 0; i < ARRAY_LEN(takes); i++)
		take(i);
	full();
	return 0;
}
