/*
 * share_offer as scripts. Machines a, b … of (cpu, memory); frameworks 1, 2 …. Words:
 *   +a4,8 machine   -a gone   *1:2 framework 1 of weight 2 (*1:2:3,9 and a limit)   /1 gone
 *   y0=1,2 offer 0: accept (1, 2)   y0=1,2f9 and no more of the rest for 9 s   n0 decline   n0f60
 *   e1a=1,2 framework 1 ends (1, 2) on a   r1 revive   s1 suppress   ~5 five seconds pass
 * Printed after each: what is done: 0:1a4,8 offer 0 to framework 1, x0 rescinded; and w7: wakes at 7 s.
 */
#include "common/base/rng.h"
#include "tests/unit/plan/share_world.h"

#include "common/plan/share_offer.h"

#define S 1000000ll

struct desk {
	struct offers *o;
	int64_t now_us;
	struct str out;
};

static void happen(struct desk *d, struct offer_change c)
{
	struct error err = { .text = "" };
	c.now_us = d->now_us;
	if (offers_apply(d->o, &c, &err) < 0)
		str_add(&d->out, " ERR");
}

static void perform(struct desk *d)
{
	for (int n = 0; n < 50; n++) {
		struct offer_action act = offers_next(d->o, d->now_us);
		if (act.kind == OFFER_DO_WAIT) {
			if (act.wake_us != OFFER_NEVER)
				str_addf(&d->out, " w%lld", (long long)(act.wake_us / S));
			return;
		}
		if (act.kind == OFFER_DO_RESCIND)
			str_addf(&d->out, " x%u", act.offer);
		else
			str_addf(&d->out, " %u:%u%c%lld,%lld", act.offer, act.framework + 1,
				 'a' + (char)act.machine, (long long)act.amounts.of[0],
				 (long long)act.amounts.of[1]);
		happen(d, (struct offer_change){
				  .kind = act.kind == OFFER_DO_MAKE ? OFFER_MADE : OFFER_RESCINDED,
				  .framework = act.framework,
				  .machine = act.machine,
				  .offer = act.offer,
				  .amounts = act.amounts,
			  });
	}
	CHECK(false); /* no end */
}

static int64_t read_filter(const char *at)
{
	const char *f = strchr(at, 'f');
	return f ? strtol(f + 1, NULL, 10) * S : -1;
}

static void read_word(struct desk *d, const char *w)
{
	struct offer_change c = { .filter_us = -1 };
	uint32_t number = (uint32_t)strtoul(w + 1, NULL, 10);
	c.limit.of[0] = c.limit.of[1] = SHARE_NO_LIMIT;
	c.framework = number - 1;
	c.machine = (uint32_t)(w[1] - 'a');
	c.offer = number;
	switch (*w) {
	case '~':
		d->now_us += number * S;
		return;
	case '+':
		c.kind = OFFER_MACHINE_IS;
		(void)read_amounts(w + 2, &c.amounts);
		break;
	case '-':
		c.kind = OFFER_MACHINE_IS;
		break;
	case '*':
		c.kind = OFFER_FRAMEWORK_IS;
		c.weight = strtod(strchr(w, ':') + 1, NULL);
		if (strchr(w, ':') != strrchr(w, ':'))
			(void)read_amounts(strrchr(w, ':') + 1, &c.limit);
		break;
	case '/':
		c.kind = OFFER_FRAMEWORK_GONE;
		break;
	case 'y':
		c.kind = OFFER_ACCEPTED;
		(void)read_amounts(strchr(w, '=') + 1, &c.amounts);
		c.filter_us = read_filter(w);
		break;
	case 'n':
		c.kind = OFFER_DECLINED;
		c.filter_us = read_filter(w);
		break;
	case 'e':
		c.kind = OFFER_TASK_ENDED;
		c.machine = (uint32_t)(w[2] - 'a');
		(void)read_amounts(strchr(w, '=') + 1, &c.amounts);
		break;
	case 'r':
		c.kind = OFFER_REVIVED;
		break;
	case 's':
		c.kind = OFFER_SUPPRESSED;
		break;
	default:
		CHECK(false); /* no such word */
	}
	happen(d, c);
}

static const struct {
	const char *name, *script, *result;
} rows[] = {
	{ "all that is free", "*1:1 +a4,8", "| | 0:1a4,8 w60" },
	{ "a part is taken, the rest offered to another", "*1:1 *2:1 +a4,8 y0=1,2",
	  "| | | 0:1a4,8 w60 | 0:2a3,6 w60" },
	{ "declined: to the next", "*1:1 *2:1 +a4,8 n0", "| | | 0:1a4,8 w60 | 0:2a4,8 w60" },
	{ "declined by all, again after the filter", "*1:1 +a4,8 n0 ~4 ~1",
	  "| | 0:1a4,8 w60 | w5 | w5 | 0:1a4,8 w65" },
	{ "a filter's own time", "*1:1 +a4,8 n0f30", "| | 0:1a4,8 w60 | w30" },
	{ "no filter", "*1:1 +a4,8 n0f0", "| | 0:1a4,8 w60 | 0:1a4,8 w60" },
	{ "more than was declined is offered at once", "*1:1 +a4,8 n0f30 +a5,8",
	  "| | 0:1a4,8 w60 | w30 | 0:1a5,8 w60" },
	{ "less is not", "*1:1 +a4,8 n0f30 +a3,8", "| | 0:1a4,8 w60 | w30 | w30" },
	{ "revived", "*1:1 +a4,8 n0f30 r1", "| | 0:1a4,8 w60 | w30 | 0:1a4,8 w60" },
	{ "suppressed", "*1:1 s1 +a4,8 r1", "| | | | 0:1a4,8 w60" },
	{ "the lowest share", "*1:1 *2:1 +a4,4 +b4,4 y0=4,4 e1a=4,4 n1",
	  "| | | 0:1a4,4 w60 | 1:2b4,4 w60 | w60 | 0:1a4,4 w60 | 1:1b4,4 w60" },
	{ "by weight", "*1:1 *2:3 +a4,4 y0=4,4 +b4,4 y0=4,4 +c4,4",
	  "| | | 0:1a4,4 w60 | | 0:2b4,4 w60 | | 0:2c4,4 w60" },
	{ "limit", "*1:1:3,9 +a4,8 y0=3,8", "| | 0:1a3,8 w60 |" },
	{ "too much accepted", "*1:1 +a4,8 y0=5,8", "| | 0:1a4,8 w60 | ERR w60" },
	{ "answered twice", "*1:1 +a4,8 n0 n0", "| | 0:1a4,8 w60 | w5 | ERR w5" },
	{ "ended more than it runs", "*1:1 +a4,8 y0=1,1 e1a=2,1", "| | 0:1a4,8 w60 | w5 | ERR w5" },
	{ "machine gone", "*1:1 +a4,8 +b2,2 -a n0 y1=2,2",
	  "| | 0:1a4,8 w60 | 1:1b2,2 w60 | x0 w60 | ERR w60 |" },
	{ "framework gone", "*1:1 *2:1 +a4,8 /1", "| | | 0:1a4,8 w60 | x0 0:2a4,8 w60" },
	{ "framework gone with what it runs", "*1:1 *2:1 +a4,8 y0=4,8 /1",
	  "| | | 0:1a4,8 w60 | | 0:2a4,8 w60" },
	{ "not answered: to the next", "*1:1 *2:1 +a4,8 ~60",
	  "| | | 0:1a4,8 w60 | x0 0:2a4,8 w120" },
	{ "not answered: twice as long each time", "*1:1 +a4,8 ~60 ~5 ~60 ~5 ~5 ~60",
	  "| | 0:1a4,8 w60 | x0 w65 | 0:1a4,8 w125 | x0 w135 | w135 | 0:1a4,8 w195 | x0 w215" },
	{ "until it answers", "*1:1 +a4,8 ~60 ~5 n0 ~5 ~60",
	  "| | 0:1a4,8 w60 | x0 w65 | 0:1a4,8 w125 | w70 | 0:1a4,8 w130 | x0 w135" },
};

static void test_scripts(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_ARENA a = { 0 };
		struct offer_settings s = { 2, 60 * S, 5 * S };
		struct desk d = { .o = offers_new(&s, &a) };
		str_init(&d.out, 4096);
		char *copy = arena_text(&a, rows[i].script), *state = NULL;
		for (char *w = strtok_r(copy, " ", &state); w; w = strtok_r(NULL, " ", &state)) {
			str_add(&d.out, d.out.len ? " |" : "|");
			read_word(&d, w);
			perform(&d);
		}
		CHECK_TEXT(rows[i].name, d.out.data, rows[i].result);
		str_fini(&d.out);
	}
}

/* One framework never answers; the others take what they are offered for a minute each time. In the
 * long run they have all but all of the machines' time. */
static void test_hoarder(uint64_t seed)
{
	AUTO_ARENA a = { 0 };
	struct offer_settings s = { 2, 60 * S, 5 * S };
	struct desk d = { .o = offers_new(&s, &a) };
	struct rng r = { seed };
	struct error err;
	struct {
		int64_t end_us;
		uint32_t framework, machine;
	} runs[8] = { { 0, 0, 0 } };
	int64_t worked_us = 0, horizon_us = 100000 * S;
	for (uint32_t f = 0; f < 3; f++) {
		struct offer_change c = { .kind = OFFER_FRAMEWORK_IS, .framework = f, .weight = 1 };
		c.limit.of[0] = c.limit.of[1] = SHARE_NO_LIMIT;
		CHECK_INT(offers_apply(d.o, &c, &err), 0);
	}
	for (uint32_t m = 0; m < 8; m++) {
		struct offer_change c = { .kind = OFFER_MACHINE_IS,
					  .machine = m,
					  .amounts = { { 4, 4 } } };
		CHECK_INT(offers_apply(d.o, &c, &err), 0);
	}
	for (int64_t now_us = 0; now_us < horizon_us;) {
		struct offer_action act = offers_next(d.o, now_us);
		struct offer_change c = { .framework = act.framework,
					  .machine = act.machine,
					  .offer = act.offer,
					  .amounts = act.amounts,
					  .filter_us = -1,
					  .now_us = now_us };
		if (act.kind == OFFER_DO_WAIT) {
			int64_t next_us = MIN(act.wake_us, horizon_us);
			for (size_t m = 0; m < 8; m++)
				if (runs[m].end_us > now_us)
					next_us = MIN(next_us, runs[m].end_us);
			now_us = next_us;
			for (uint32_t m = 0; m < 8; m++)
				if (runs[m].end_us == now_us) {
					struct offer_change e = { .kind = OFFER_TASK_ENDED,
								  .machine = m,
								  .framework = runs[m].framework,
								  .amounts = { { 4, 4 } } };
					CHECK_INT(offers_apply(d.o, &e, &err), 0);
					runs[m].end_us = 0;
				}
			continue;
		}
		c.kind = act.kind == OFFER_DO_MAKE ? OFFER_MADE : OFFER_RESCINDED;
		CHECK_INT(offers_apply(d.o, &c, &err), 0);
		if (act.kind != OFFER_DO_MAKE || act.framework == 0)
			continue;
		c.kind = OFFER_ACCEPTED;
		CHECK_INT(offers_apply(d.o, &c, &err), 0);
		runs[act.machine].framework = act.framework;
		runs[act.machine].end_us = now_us + (int64_t)(1 + rng_below(&r, 60)) * S;
		worked_us += runs[act.machine].end_us - now_us;
	}
	CHECK((double)worked_us > 0.95 * 8 * (double)horizon_us);
}

int main(void)
{
	test_scripts();
	for (uint64_t seed = 1; seed <= 5; seed++)
		test_hoarder(seed);
	return 0;
}
