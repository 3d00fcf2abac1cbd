#include "common/plan/share_offer.h"

#include <math.h>

#define LAPSES_MAX   20          /* doublings of how long a framework gets no offer */
#define QUIET_MAX_US (1ll << 40) /* what is doubled: a week and a half */

struct framework {
	bool is_here, is_suppressed;
	double weight;
	struct share_amounts limit, used; /* used: what runs, and what is offered */
	uint32_t lapses;                  /* offers in a row that it did not answer */
	int64_t quiet_until_us;
};
struct seat { /* of a framework on a machine */
	struct share_amounts runs, refused;
	int64_t until_us; /* of the filter */
};
struct machine {
	struct share_amounts total, free;
	struct seat *seats; /* by framework; NULL: nobody ever had anything to do with it */
};
struct offer {
	bool is_open, is_void; /* void: the machine or the framework is gone */
	uint32_t framework, machine;
	struct share_amounts amounts;
	int64_t due_us;
};
struct offers {
	struct arena *a;
	struct offer_settings settings;
	struct share_amounts total;
	struct framework frameworks[OFFER_FRAMEWORKS_MAX];
	uint32_t frameworks_count;
	struct machine machines[OFFER_MACHINES_MAX];
	uint32_t machines_count;
	struct offer *offers;
	uint32_t offers_count, offers_size;
};

struct offers *offers_new(const struct offer_settings *s, struct arena *a)
{
	struct offers *o = arena_alloc(a, 1, sizeof *o);
	assert(s->resources > 0 && s->resources <= SHARE_RESOURCES_MAX);
	o->a = a;
	o->settings = *s;
	return o;
}

/* ---- amounts ---- */

static bool is_within(const struct offers *o, const struct share_amounts *a,
		      const struct share_amounts *b)
{
	for (uint32_t r = 0; r < o->settings.resources; r++)
		if (a->of[r] < 0 || a->of[r] > b->of[r])
			return false;
	return true;
}

static void add(const struct offers *o, struct share_amounts *a, const struct share_amounts *b,
		int sign)
{
	for (uint32_t r = 0; r < o->settings.resources; r++)
		a->of[r] += sign * b->of[r];
}

static int64_t sum_us(int64_t now_us, int64_t span_us)
{
	return span_us > OFFER_NEVER - MAX(now_us, 0) ? OFFER_NEVER : now_us + span_us;
}

double offers_share(const struct offers *o, uint32_t framework)
{
	assert(framework < o->frameworks_count);
	const struct framework *f = &o->frameworks[framework];
	double most = 0;
	for (uint32_t r = 0; r < o->settings.resources; r++)
		if (o->total.of[r] > 0)
			most = MAX(most, (double)f->used.of[r] / (double)o->total.of[r]);
	return most / f->weight;
}

static struct seat *seat_of(struct offers *o, uint32_t machine, uint32_t framework)
{
	struct machine *m = &o->machines[machine];
	if (!m->seats)
		m->seats = arena_alloc(o->a, OFFER_FRAMEWORKS_MAX, sizeof *m->seats);
	return &m->seats[framework];
}

/* ---- changes ---- */

static int apply_framework(struct offers *o, const struct offer_change *c, struct error *err)
{
	if (c->framework > o->frameworks_count)
		return error_set(err, ERR_INVALID, "the next framework is number %u",
				 o->frameworks_count);
	if (c->framework == OFFER_FRAMEWORKS_MAX)
		return error_set(err, ERR_LIMIT, "more than %d frameworks", OFFER_FRAMEWORKS_MAX);
	if (!(c->weight > 0 && c->weight <= 1e9))
		return error_set(err, ERR_INVALID, "a weight is above 0 and at most 1e9");
	for (uint32_t r = 0; r < o->settings.resources; r++)
		if (c->limit.of[r] < 0)
			return error_set(err, ERR_INVALID, "resource %u: the limit is negative", r);
	struct framework *f = &o->frameworks[c->framework];
	if (c->framework == o->frameworks_count)
		o->frameworks_count++;
	f->is_here = true;
	f->weight = c->weight;
	f->limit = c->limit;
	return 0;
}

static void void_offers(struct offers *o, uint32_t machine, uint32_t framework)
{
	for (uint32_t i = 0; i < o->offers_count; i++)
		if (o->offers[i].is_open &&
		    (o->offers[i].machine == machine || o->offers[i].framework == framework))
			o->offers[i].is_void = true;
}

static void apply_framework_gone(struct offers *o, uint32_t framework)
{
	struct framework *f = &o->frameworks[framework];
	for (uint32_t m = 0; m < o->machines_count; m++) {
		if (!o->machines[m].seats)
			continue;
		struct seat *seat = &o->machines[m].seats[framework];
		add(o, &o->machines[m].free, &seat->runs, 1);
		add(o, &f->used, &seat->runs, -1);
		*seat = (struct seat){ 0 };
	}
	f->is_here = false;
	void_offers(o, SHARE_NONE, framework);
}

/* What a machine has changes by the difference; one that goes takes everything with it. */
static int apply_machine(struct offers *o, const struct offer_change *c, struct error *err)
{
	bool is_gone = true;
	if (c->machine > o->machines_count)
		return error_set(err, ERR_INVALID, "the next machine is number %u",
				 o->machines_count);
	if (c->machine == OFFER_MACHINES_MAX)
		return error_set(err, ERR_LIMIT, "more than %d machines", OFFER_MACHINES_MAX);
	for (uint32_t r = 0; r < o->settings.resources; r++) {
		if (c->amounts.of[r] < 0 || c->amounts.of[r] > SHARE_AMOUNT_MAX)
			return error_set(err, ERR_INVALID, "resource %u: %lld is no amount", r,
					 (long long)c->amounts.of[r]);
		is_gone &= c->amounts.of[r] == 0;
	}
	struct machine *m = &o->machines[c->machine];
	if (c->machine == o->machines_count)
		o->machines_count++;
	add(o, &o->total, &m->total, -1);
	add(o, &o->total, &c->amounts, 1);
	add(o, &m->free, &m->total, -1);
	add(o, &m->free, &c->amounts, 1);
	m->total = c->amounts;
	for (uint32_t f = 0; is_gone && m->seats && f < o->frameworks_count; f++) {
		add(o, &o->frameworks[f].used, &m->seats[f].runs, -1);
		add(o, &m->free, &m->seats[f].runs, 1);
		m->seats[f] = (struct seat){ 0 };
	}
	if (is_gone)
		void_offers(o, c->machine, SHARE_NONE);
	return 0;
}

/* The number that the next offer has: the lowest that is not open. */
static uint32_t next_offer(const struct offers *o)
{
	uint32_t i = 0;
	while (i < o->offers_count && o->offers[i].is_open)
		i++;
	return i;
}

static int apply_made(struct offers *o, const struct offer_change *c, struct error *err)
{
	uint32_t number = next_offer(o);
	if (c->offer != number || c->framework >= o->frameworks_count ||
	    c->machine >= o->machines_count || !o->frameworks[c->framework].is_here ||
	    !is_within(o, &c->amounts, &o->machines[c->machine].free))
		return error_set(err, ERR_INVALID, "offer %u was not to be made", c->offer);
	if (number == OFFERS_MAX)
		return error_set(err, ERR_LIMIT, "more than %d offers", OFFERS_MAX);
	if (number == o->offers_size) {
		uint32_t size = o->offers_size ? 2 * o->offers_size : 64;
		struct offer *at = arena_alloc(o->a, size, sizeof *at);
		if (o->offers_count > 0)
			memcpy(at, o->offers, o->offers_count * sizeof *at);
		o->offers = at;
		o->offers_size = size;
	}
	o->offers_count = MAX(o->offers_count, number + 1);
	o->offers[number] = (struct offer){
		.is_open = true,
		.framework = c->framework,
		.machine = c->machine,
		.amounts = c->amounts,
		.due_us = o->settings.offer_timeout_us > 0
				  ? sum_us(c->now_us, o->settings.offer_timeout_us)
				  : OFFER_NEVER,
	};
	add(o, &o->machines[c->machine].free, &c->amounts, -1);
	add(o, &o->frameworks[c->framework].used, &c->amounts, 1);
	return 0;
}

/* Closes an offer of which `kept` stays in use. */
static void close_offer(struct offers *o, struct offer *f, const struct share_amounts *kept)
{
	struct share_amounts rest = f->amounts;
	add(o, &rest, kept, -1);
	add(o, &o->machines[f->machine].free, &rest, 1);
	add(o, &o->frameworks[f->framework].used, &rest, -1);
	f->is_open = false;
}

static int apply_answer(struct offers *o, const struct offer_change *c, struct error *err)
{
	static const struct share_amounts nothing = { { 0 } };
	bool is_accept = c->kind == OFFER_ACCEPTED;
	if (c->offer >= o->offers_count || !o->offers[c->offer].is_open)
		return error_set(err, ERR_INVALID, "offer %u is not open (any more)", c->offer);
	struct offer *f = &o->offers[c->offer];
	if (f->is_void)
		return error_set(err, ERR_INVALID, "offer %u is of what is gone", c->offer);
	if (is_accept && !is_within(o, &c->amounts, &f->amounts))
		return error_set(err, ERR_INVALID, "offer %u is smaller than what is accepted",
				 c->offer);
	struct seat *seat = seat_of(o, f->machine, f->framework);
	int64_t filter_us = c->filter_us < 0 ? o->settings.decline_default_us : c->filter_us;
	seat->refused = f->amounts;
	seat->until_us = sum_us(c->now_us, filter_us);
	if (is_accept) {
		add(o, &seat->runs, &c->amounts, 1);
		add(o, &seat->refused, &c->amounts, -1);
	}
	o->frameworks[f->framework].lapses = 0;
	close_offer(o, f, is_accept ? &c->amounts : &nothing);
	return 0;
}

static int apply_rescinded(struct offers *o, const struct offer_change *c, struct error *err)
{
	static const struct share_amounts nothing = { { 0 } };
	if (c->offer >= o->offers_count || !o->offers[c->offer].is_open)
		return error_set(err, ERR_INVALID, "offer %u is not open (any more)", c->offer);
	struct offer *f = &o->offers[c->offer];
	struct framework *of = &o->frameworks[f->framework];
	if (!f->is_void && c->now_us >= f->due_us) {
		/* All its offers of one time lapse together: that is one lapse. */
		if (c->now_us >= of->quiet_until_us) {
			int64_t quiet_us = o->settings.decline_default_us
					   << MIN(of->lapses, LAPSES_MAX);
			of->quiet_until_us = sum_us(c->now_us, quiet_us);
			of->lapses++;
		}
	}
	close_offer(o, f, &nothing);
	return 0;
}

static int apply_ended(struct offers *o, const struct offer_change *c, struct error *err)
{
	if (c->machine >= o->machines_count ||
	    !is_within(o, &c->amounts, &seat_of(o, c->machine, c->framework)->runs))
		return error_set(err, ERR_INVALID,
				 "framework %u does not run so much on machine %u", c->framework,
				 c->machine);
	add(o, &seat_of(o, c->machine, c->framework)->runs, &c->amounts, -1);
	add(o, &o->machines[c->machine].free, &c->amounts, 1);
	add(o, &o->frameworks[c->framework].used, &c->amounts, -1);
	return 0;
}

static void apply_revived(struct offers *o, uint32_t framework)
{
	struct framework *f = &o->frameworks[framework];
	f->is_suppressed = false;
	f->lapses = 0;
	f->quiet_until_us = 0;
	for (uint32_t m = 0; m < o->machines_count; m++)
		if (o->machines[m].seats)
			o->machines[m].seats[framework].until_us = 0;
}

int offers_apply(struct offers *o, const struct offer_change *c, struct error *err)
{
	bool names_framework = c->kind == OFFER_FRAMEWORK_GONE || c->kind == OFFER_TASK_ENDED ||
			       c->kind == OFFER_REVIVED || c->kind == OFFER_SUPPRESSED;
	if (names_framework && c->framework >= o->frameworks_count)
		return error_set(err, ERR_INVALID, "there is no framework %u", c->framework);
	switch (c->kind) {
	case OFFER_FRAMEWORK_IS:
		return apply_framework(o, c, err);
	case OFFER_FRAMEWORK_GONE:
		apply_framework_gone(o, c->framework);
		return 0;
	case OFFER_MACHINE_IS:
		return apply_machine(o, c, err);
	case OFFER_MADE:
		return apply_made(o, c, err);
	case OFFER_ACCEPTED:
	case OFFER_DECLINED:
		return apply_answer(o, c, err);
	case OFFER_RESCINDED:
		return apply_rescinded(o, c, err);
	case OFFER_TASK_ENDED:
		return apply_ended(o, c, err);
	case OFFER_REVIVED:
		apply_revived(o, c->framework);
		return 0;
	case OFFER_SUPPRESSED:
		o->frameworks[c->framework].is_suppressed = true;
		return 0;
	case OFFER_CHANGE_COUNT:
		break;
	}
	assert(false);
	return 0;
}

/* ---- what to do ---- */

/* All that is free there, as far as the framework's limit goes. False: that is nothing. */
static bool amounts_for(const struct offers *o, const struct machine *m, const struct framework *f,
			struct share_amounts *ret)
{
	bool is_any = false;
	*ret = (struct share_amounts){ { 0 } };
	for (uint32_t r = 0; r < o->settings.resources; r++) {
		int64_t left = f->limit.of[r] == SHARE_NO_LIMIT ? INT64_MAX
								: f->limit.of[r] - f->used.of[r];
		ret->of[r] = MAX(MIN(m->free.of[r], left), 0);
		is_any |= ret->of[r] > 0;
	}
	return is_any;
}

/* From when on it may be offered so much there. */
static int64_t open_from_us(const struct offers *o, const struct machine *m, uint32_t framework,
			    const struct share_amounts *amounts)
{
	int64_t from_us = o->frameworks[framework].quiet_until_us;
	if (m->seats && is_within(o, amounts, &m->seats[framework].refused))
		from_us = MAX(from_us, m->seats[framework].until_us);
	return from_us;
}

/* The framework that machine m is offered to now; SHARE_NONE, and when to look again. */
static uint32_t next_framework(const struct offers *o, const struct machine *m, int64_t now_us,
			       struct share_amounts *ret, int64_t *wake_us)
{
	uint32_t best = SHARE_NONE;
	double least = INFINITY;
	for (uint32_t i = 0; i < o->frameworks_count; i++) {
		const struct framework *f = &o->frameworks[i];
		struct share_amounts amounts;
		if (!f->is_here || f->is_suppressed || !amounts_for(o, m, f, &amounts))
			continue;
		int64_t from_us = open_from_us(o, m, i, &amounts);
		if (from_us > now_us) {
			*wake_us = MIN(*wake_us, from_us);
			continue;
		}
		double share = offers_share(o, i);
		if (share >= least)
			continue;
		least = share;
		best = i;
		*ret = amounts;
	}
	return best;
}

static bool find_rescinded(const struct offers *o, int64_t now_us, struct offer_action *ret)
{
	for (uint32_t i = 0; i < o->offers_count; i++) {
		const struct offer *f = &o->offers[i];
		if (!f->is_open)
			continue;
		if (!f->is_void && f->due_us > now_us) {
			ret->wake_us = MIN(ret->wake_us, f->due_us);
			continue;
		}
		*ret = (struct offer_action){
			.kind = OFFER_DO_RESCIND,
			.framework = f->framework,
			.machine = f->machine,
			.offer = i,
			.amounts = f->amounts,
			.why = f->is_void ? "the machine or the framework is gone"
					  : "it was not answered in time",
			.wake_us = now_us
		};
		return true;
	}
	return false;
}

struct offer_action offers_next(struct offers *o, int64_t now_us)
{
	struct offer_action act = { .why = "nothing to offer, or nobody who wants it",
				    .framework = SHARE_NONE,
				    .machine = SHARE_NONE,
				    .offer = SHARE_NONE,
				    .wake_us = OFFER_NEVER };
	if (find_rescinded(o, now_us, &act))
		return act;
	for (uint32_t m = 0; m < o->machines_count && next_offer(o) < OFFERS_MAX; m++) {
		struct share_amounts amounts;
		uint32_t f = next_framework(o, &o->machines[m], now_us, &amounts, &act.wake_us);
		if (f == SHARE_NONE)
			continue;
		return (struct offer_action){
			.kind = OFFER_DO_MAKE,
			.framework = f,
			.machine = m,
			.offer = next_offer(o),
			.amounts = amounts,
			.why = "its share is the lowest of those that want it",
			.wake_us = now_us
		};
	}
	return act;
}
