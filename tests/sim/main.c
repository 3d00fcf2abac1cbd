/*
 * sim FIRST_SEED RUNS [verbose] - one line a failing seed: `sim SEED: what`. Seeds that ever failed
 * stand in tests/sim/seeds.txt and are run by every build (sim FILE).
 */
#include "tests/sim/sim.h"

#include "common/io/log.h"

#include <stdarg.h>
#include <stdio.h>

#define CHAOS_MS    3000
#define SETTLE_STEP 5000
#define PACE_US     400  /* of some seeds: what is parted over turns is */
#define RELEASE_MS  2000 /* as in controller/main.c */
#define DEAD_MS     200  /* from the death of a server to its memory's end */

bool sim_dice(struct sim *s, unsigned one_in)
{
	return rng_one_in(&s->rng, one_in);
}

int64_t sim_between(struct sim *s, int64_t low, int64_t high)
{
	return low + (int64_t)rng_below(&s->rng, (uint64_t)(high - low) + 1);
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
	if (*s->failure)
		return;
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(s->failure, sizeof s->failure, fmt, args);
	va_end(args);
	loop_stop(s->loop);
}

static void seeded_random(void *ctx, void *buf, size_t n)
{
	struct rng r = { *(uint64_t *)ctx };
	for (size_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = (uint8_t)rng_next(&r);
	*(uint64_t *)ctx = r.state;
}

/* ---- API servers ---- */

static void server_start(struct sim_server *v, struct sim *s)
{
	int n = snprintf(v->address, sizeof v->address, "10.%zu.%zu.%zu",
			 1 + (v - s->servers) % 200, v->lives / 200 % 200, 1 + v->lives % 200);
	assert(n > 0 && (size_t)n < sizeof v->address);
	v->lives++;
	struct server_options options = { .cluster_id = "simsim",
					  .service_cidr = "10.96.0.0/24",
					  .advertise_address = v->address,
					  .advertise_port = 6443,
					  .random = seeded_random,
					  .random_ctx = &s->random_state };
	struct error err;
	uint64_t store_seed; /* another one for each life: nonces must not come back */
	seeded_random(&s->random_state, &store_seed, sizeof store_seed);
	v->sim = s;
	v->backend = store_memory_on(s->etcd);
	v->store = store_new(s->loop, v->backend,
			     &(struct store_options){ .cluster_id = "simsim",
						      .schema_revision = 1,
						      .seed = store_seed | 1 });
	if (server_new(s->loop, v->store, &options, &v->server, &err) < 0)
		abort();
}

static void server_end(struct sim_server *v)
{
	store_free(v->store);
	server_free(v->server);
	v->store = NULL;
	v->server = NULL;
}

/* ---- controllers ---- */

static void on_leading(void *ctx)
{
	struct sim_controller *c = ctx;
	c->controllers =
		controllers_start(c->sim->loop, c->api,
				  &(struct controllers_options){ .cluster_cidr = "10.244.0.0/16",
								 .root_ca = "",
								 .seed = c->sim->seed + c->lives });
}

static void on_lost(void *ctx)
{
	struct sim_controller *c = ctx;
	controllers_free(TAKE(c->controllers));
}

static void controller_start(struct sim_controller *c, struct sim *s, size_t number)
{
	c->sim = s;
	c->number = number;
	c->lives++;
	struct sim_server *server = &s->servers[(number + c->lives) % SIM_SERVERS];
	struct sim_peer peer = { .cn = "system:skiff-controller",
				 .org = "system:skiff-controllers" };
	auto_free char *former = xasprintf("controller-%zu-", number);
	auto_free char *identity = xasprintf("%s%zu", former, c->lives);
	c->transport = sim_transport_new(s->loop, s->seed + 100 * c->lives + number, &peer,
					 server_handle, server->server, &s->network);
	c->api = api_new(s->loop, c->transport, "skiff-controller");
	c->leader = leader_new(&(struct leader_options){ .loop = s->loop,
							 .api = c->api,
							 .ns = "kube-system",
							 .lease = "skiff-controller",
							 .identity = identity,
							 /* half of the seeds wait for its end */
							 .former = s->seed % 2 ? former : NULL,
							 .seed = s->seed + number,
							 .started = on_leading,
							 .stopped = on_lost,
							 .ctx = c });
}

static void controller_end(struct sim_controller *c)
{
	controllers_free(TAKE(c->controllers));
	leader_free(TAKE(c->leader));
	api_free(TAKE(c->api));
	http_transport_free(TAKE(c->transport));
}

static void on_next_life(void *ctx)
{
	struct sim_controller *c = ctx;
	loop_timer_free(TAKE(c->next_life));
	controller_end(c);
	controller_start(c, c->sim, c->number);
}

static void on_released(void *ctx)
{
	struct sim_controller *c = ctx;
	loop_timer_set(c->next_life, 0);
}

/* Killed and stopped in order by turns. */
static void controller_fails(struct sim_controller *c)
{
	if (c->next_life)
		return;
	c->next_life = loop_timer_new(c->sim->loop, on_next_life, c);
	if (c->lives % 2) {
		on_next_life(c);
		return;
	}
	loop_timer_set(c->next_life, RELEASE_MS);
	leader_release(c->leader, on_released, c);
}

/* ---- faults ---- */

/* Everybody who speaks to the server: told so that none of it is a step of the seed's order. */
static void each_transport(struct sim *s, const struct sim_server *v,
			   void (*act)(struct http_transport *t, struct sim_server *v),
			   struct sim_server *with)
{
	for (size_t i = 0; i < SIM_CONTROLLERS; i++)
		if ((i + s->controllers[i].lives) % SIM_SERVERS == (size_t)(v - s->servers))
			act(s->controllers[i].transport, with);
	for (size_t i = 0; i < SIM_NODES; i++)
		if (i % SIM_SERVERS == (size_t)(v - s->servers))
			act(s->nodes[i].transport, with);
	if (v == &s->servers[0])
		act(s->user_transport, with);
	else if (s->rival_transport)
		act(s->rival_transport, with);
}

static void break_transport(struct http_transport *t, struct sim_server *v)
{
	(void)v;
	sim_transport_set_server(t, NULL, NULL);
	sim_transport_break(t);
}

static void join_transport(struct http_transport *t, struct sim_server *v)
{
	sim_transport_set_server(t, server_handle, v->server);
}

struct death {
	struct sim *sim;
	struct sim_server *server;
	struct loop_timer *timer;
};

static void server_reborn(void *ctx)
{
	struct death *d = ctx;
	server_end(d->server);
	server_start(d->server, d->sim);
	d->server->is_dead = false;
	each_transport(d->sim, d->server, join_transport, d->server);
	loop_timer_free(d->timer);
	free(d);
}

/* kill -9: its connections break, what it had sent to etcd has an unknown end. */
static void kill_server(struct sim *s, struct sim_server *v)
{
	if (v->is_dead)
		return;
	v->is_dead = true;
	store_memory_set_down(v->backend, true);
	each_transport(s, v, break_transport, NULL);
	struct death *d = xcalloc(1, sizeof *d);
	*d = (struct death){ .sim = s, .server = v };
	d->timer = loop_timer_new(s->loop, server_reborn, d);
	loop_timer_set(d->timer, DEAD_MS);
}

static void chaos(void *ctx)
{
	struct sim *s = ctx;
	if (!s->faults)
		return;
	loop_timer_set(s->chaos, sim_between(s, CHAOS_MS / 2, CHAOS_MS * 2));
	if ((s->which & FAULT_SERVERS) && sim_dice(s, 6))
		kill_server(s, &s->servers[rng_below(&s->rng, SIM_SERVERS)]);
	if ((s->which & FAULT_CONTROLLERS) && sim_dice(s, 6)) {
		controller_fails(&s->controllers[rng_below(&s->rng, SIM_CONTROLLERS)]);
	}
	struct store_backend *b = s->servers[rng_below(&s->rng, SIM_SERVERS)].backend;
	if ((s->which & FAULT_ETCD) && sim_dice(s, 3)) {
		store_memory_lose_answers(b, (unsigned)sim_between(s, 1, 3));
		if (sim_dice(s, 2))
			store_memory_cut_watch(b);
	}
}

static void set_faults(struct sim *s, bool on)
{
	s->faults = on;
	s->network = (struct sim_network_faults){ .delay_min_ms = 0, .delay_max_ms = 5 };
	memory_etcd_set_delay(s->etcd, 0, 3, s->seed);
	if (!on)
		return;
	if (s->which & FAULT_NETWORK)
		s->network = (struct sim_network_faults){ .delay_min_ms = 0,
							  .delay_max_ms = 200,
							  .lose_request_in = 50,
							  .lose_answer_in = 50,
							  .cut_stream_in = 100 };
	if (s->which & FAULT_ETCD)
		memory_etcd_set_delay(s->etcd, 0, 100, s->seed);
	loop_timer_set(s->chaos, CHAOS_MS);
}

/* ---- one run ---- */

static void settle(struct sim *s)
{
	char why[480] = "";
	for (int64_t t = 0; t < SIM_QUIET_MS && !*s->failure; t += SETTLE_STEP) {
		loop_sim_run_until(s->loop, loop_now_ms(s->loop) + SETTLE_STEP);
		if (sim_check_settled(s->check, why, sizeof why))
			return;
	}
	sim_fail(s, "not settled although all faults stopped: %s", why);
}

/* All deleted at once: the order of it is checked at every write, its end here. */
static void delete_all(struct sim *s)
{
	char why[480] = "";
	s->is_ending = true;
	/* What the users asked for last arrives first: nothing is made anew behind the deletion. */
	loop_sim_run_until(s->loop, loop_now_ms(s->loop) + SETTLE_STEP);
	sim_user_delete_all(s);
	if (s->custom)
		sim_custom_delete_all(s->custom);
	for (int64_t t = 0; t < SIM_QUIET_MS && !*s->failure; t += SETTLE_STEP) {
		loop_sim_run_until(s->loop, loop_now_ms(s->loop) + SETTLE_STEP);
		if (sim_check_gone(s->check, why, sizeof why))
			return;
	}
	sim_fail(s, "deleted but not gone: %s", why);
}

static void end(struct sim *s)
{
	/* A server that is dead and not yet reborn ends with its timer. */
	loop_sim_run_until(s->loop, loop_now_ms(s->loop) + 2 * DEAD_MS);
	for (size_t i = 0; i < SIM_CONTROLLERS; i++) {
		loop_timer_free(TAKE(s->controllers[i].next_life));
		controller_end(&s->controllers[i]);
	}
	for (size_t i = 0; i < SIM_NODES; i++)
		sim_node_stop(&s->nodes[i]);
	sim_custom_stop(s->custom);
	sim_user_stop(s);
	loop_timer_free(s->chaos);
	for (size_t i = 0; i < SIM_SERVERS; i++)
		server_end(&s->servers[i]);
	sim_check_free(s->check);
	memory_etcd_unref(s->etcd);
	loop_free(s->loop);
}

static bool run(uint64_t seed, bool verbose)
{
	static struct sim s;
	s = (struct sim){ .seed = seed, .random_state = seed * 7919, .rng = { seed } };
	s.which = seed % 8 == 0 ? 0 : (unsigned)rng_below(&s.rng, FAULT_ALL + 1);
	s.has_lost = seed % 3 == 0;
	s.loop = loop_sim_new(seed, 1790000000000000);
	loop_sim_set_pace(s.loop, seed % 3 == 1 ? PACE_US : 0);
	s.etcd = memory_etcd_new(s.loop);
	s.chaos = loop_timer_new(s.loop, chaos, &s);
	s.check = sim_check_new(&s);
	for (size_t i = 0; i < SIM_SERVERS; i++)
		server_start(&s.servers[i], &s);
	for (size_t i = 0; i < SIM_CONTROLLERS; i++)
		controller_start(&s.controllers[i], &s, i);
	for (size_t i = 0; i < SIM_NODES; i++)
		sim_node_start(&s.nodes[i], &s, i);
	sim_user_start(&s);
	if (seed % 3 == 1)
		s.custom = sim_custom_start(&s);
	set_faults(&s, true);
	loop_sim_run_until(s.loop, SIM_FAULTS_MS);
	set_faults(&s, false);
	s.quiet_since_ms = loop_now_ms(s.loop);
	if (!*s.failure)
		settle(&s);
	if (!*s.failure && s.has_lost)
		sim_lost_episode(&s);
	if (!*s.failure)
		delete_all(&s);
	int64_t took = loop_now_ms(s.loop);
	uint64_t writes = memory_etcd_revision(s.etcd);
	char failure[sizeof s.failure];
	memcpy(failure, s.failure, sizeof failure);
	if (verbose && *failure)
		sim_check_dump(s.check);
	end(&s);
	if (verbose || *failure)
		printf("sim %llu: %s (faults %u, %lld s, %llu writes)\n", (unsigned long long)seed,
		       *failure ? failure : "settled", s.which, (long long)took / 1000,
		       (unsigned long long)writes);
	fflush(stdout);
	return !*failure;
}

static int run_file(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long long seed;
	int bad = 0, count = 0;
	if (!f)
		return 2;
	for (char line[256]; fgets(line, sizeof line, f);)
		if (sscanf(line, "%llu", &seed) == 1) {
			bad += !run(seed, false);
			count++;
		}
	(void)fclose(f);
	printf("%d of %d seeds pass\n", count - bad, count);
	return bad != 0;
}

int main(int argc, char **argv)
{
	log_set_quiet(argc < 5);
	if (argc == 2)
		return run_file(argv[1]);
	if (argc < 3) {
		fprintf(stderr, "usage: sim FIRST_SEED RUNS [verbose [log]] | sim FILE\n");
		return 2;
	}
	uint64_t first = strtoull(argv[1], NULL, 10), runs = strtoull(argv[2], NULL, 10), bad = 0;
	for (uint64_t seed = first; seed < first + runs; seed++)
		bad += !run(seed, argc > 3);
	printf("%llu of %llu seeds pass\n", (unsigned long long)(runs - bad),
	       (unsigned long long)runs);
	return bad != 0;
}
