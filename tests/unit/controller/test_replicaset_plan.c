/* replicaset_plan: a table, and every state of four pods. */
#include "common/base/str.h"
#include "controller/replicaset_plan.h"
#include "tests/support/check.h"

/* A pod is "slot.incarnation" and letters: p pending, r ready, n running but not ready, ! not
 * active; b bound (else not). Adopted ones have slot '-'. */
static const struct {
	const char *name;
	int64_t replicas;
	bool is_gate_closed;
	const char *pods, *plan;
} rows[] = {
	{ "first start", 3, false, "", "+0.0 +1.0 +2.0" },
	{ "nothing to do", 2, false, "0.0rb 1.0rb", "" },
	{ "hole", 3, false, "0.0rb 2.0rb", "+1.0" },
	{ "a stopping pod holds up nobody", 2, false, "0.0rb 1.0!b", "+1.1" },
	{ "incarnations count on", 1, false, "0.4!b", "+0.5" },
	{ "adopted pods fill no slot", 2, false, "-.0rb", "+0.0" },
	{ "unbound goes first", 1, false, "0.0rb 1.0p", "-1" },
	{ "pending before running", 1, false, "0.0pb 1.0nb", "-0" },
	{ "not ready before ready", 1, false, "0.0rb 1.0nb", "-1" },
	{ "to zero", 0, false, "0.0rb 1.0p", "-1 -0" },
	{ "closed gate creates nothing", 2, true, "", "" },
	{ "closed gate deletes what is too much", 0, true, "0.0rb", "-0" },
};

static size_t parse(const char *text, struct rs_pod *pods, char names[][8])
{
	size_t n = 0;
	while (*text) {
		struct rs_pod *p = &pods[n];
		*p = (struct rs_pod){ .slot = *text == '-' ? -1 : *text - '0',
				      .incarnation = text[2] - '0',
				      .is_active = true };
		CHECK(snprintf(names[n], 8, "pod-%zu", n) > 0);
		p->name = names[n++];
		for (text += 3; *text && *text != ' '; text++) {
			p->is_bound |= *text == 'b';
			p->is_ready |= *text == 'r';
			p->is_active &= *text != '!';
			p->phase = *text == 'p' ? 0 : *text == 'b' ? p->phase : 2;
		}
		text += *text == ' ';
	}
	return n;
}

static void test_table(void)
{
	static struct rs_plan plan;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rs_pod pods[16];
		char names[16][8];
		const struct rs_want want = { .uid = "u",
					      .replicas = rows[i].replicas,
					      .is_gate_closed = rows[i].is_gate_closed };
		rs_plan_make(&plan, &want, pods, parse(rows[i].pods, pods, names), 0);
		AUTO_STR got;
		str_init(&got, 4096);
		for (size_t k = 0; k < plan.creates_count; k++)
			str_addf(&got, "%s+%lld.%lld", got.len ? " " : "",
				 (long long)plan.creates[k].slot,
				 (long long)plan.creates[k].incarnation);
		for (size_t k = 0; k < plan.deletes_count; k++)
			str_addf(&got, "%s-%zu", got.len ? " " : "", plan.deletes[k]);
		CHECK_TEXT(rows[i].name, got.data, rows[i].plan);
	}
}

/* Four slots of seven kinds, 0 to 5 replicas: after one plan the active pods are right, names
 * differ, and asked again with the same facts the plan is the same. */
static void test_every_state(void)
{
	static struct rs_plan plan, again;
	static const char *const kinds[] = { "", "p", "pb", "nb", "rb", "!b", "!" };
	for (int code = 0; code < 7 * 7 * 7 * 7; code++) {
		AUTO_STR text;
		str_init(&text, 64);
		for (int slot = 0, c = code; slot < 4; slot++, c /= 7)
			if (*kinds[c % 7])
				str_addf(&text, "%s%d.0%s", text.len ? " " : "", slot,
					 kinds[c % 7]);
		struct rs_pod pods[4];
		char names[4][8];
		size_t n = parse(text.data, pods, names);
		for (int64_t replicas = 0; replicas <= 5; replicas++) {
			const struct rs_want want = { .uid = "u", .replicas = replicas };
			rs_plan_make(&plan, &want, pods, n, 0);
			rs_plan_make(&again, &want, pods, n, 0);
			CHECK(plan.creates_count == again.creates_count &&
			      plan.deletes_count == again.deletes_count);
			int64_t active = 0;
			for (size_t i = 0; i < n; i++)
				active += pods[i].is_active;
			CHECK_INT(active + (int64_t)plan.creates_count -
					  (int64_t)plan.deletes_count,
				  replicas);
			CHECK(plan.creates_count == 0 || plan.deletes_count == 0);
			for (size_t i = 0; i < plan.deletes_count; i++)
				CHECK(pods[plan.deletes[i]].is_active);
			for (size_t i = 0; i < plan.creates_count; i++)
				for (size_t k = 0; k < i; k++)
					CHECK(!streq(plan.creates[i].suffix,
						     plan.creates[k].suffix));
			/* A ready pod goes only when no other is left to go. */
			for (size_t i = 0; i < plan.deletes_count; i++)
				for (size_t k = 0; k < n; k++) {
					bool stays = pods[k].is_active;
					for (size_t d = 0; d < plan.deletes_count; d++)
						stays &= plan.deletes[d] != k;
					CHECK(!pods[plan.deletes[i]].is_ready || !stays ||
					      pods[k].is_ready);
				}
		}
	}
}

static void test_names(void)
{
	char a[NAME_CHARS + 1], b[NAME_CHARS + 1];
	derived_suffix("uid-1", 0, 0, a);
	derived_suffix("uid-1", 0, 0, b);
	CHECK_TEXT("derived, not drawn", a, b);
	derived_suffix("uid-2", 0, 0, b);
	CHECK(!streq(a, b));
	int64_t slot, incarnation;
	CHECK(rs_slot_parse("3.12", &slot, &incarnation) && slot == 3 && incarnation == 12);
	CHECK(!rs_slot_parse("3", &slot, &incarnation) &&
	      !rs_slot_parse("-1.0", &slot, &incarnation));
	CHECK(!rs_slot_parse("1.2x", &slot, &incarnation) &&
	      !rs_slot_parse("", &slot, &incarnation));
}

int main(void)
{
	test_table();
	test_every_state();
	test_names();
	return 0;
}
