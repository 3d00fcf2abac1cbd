/* pod_plan: a table of situations, and every small state driven to its end. */
#include "common/base/str.h"
#include "nodeagent/pod_plan.h"
#include "tests/support/check.h"

#define NOW_MS 1000000000

/*
 * A situation in text: the sandbox (s+ ready, s- none, s! dead), then containers: kind (i init, s sidecar,
 * a app) and state (. none, c created, r running and started, u running, not yet started, k running,
 * to be killed, 0 and 1 exited with that code); then marks: * not in this sandbox, n image not
 * there, ~N exited N seconds ago, xN restarts in a row, lN it lived N seconds.
 * Flags: D deleted, G gone, H held, L stopped (a dependency is lost), F failed, T was terminal, v no volumes, V volumes on disk, q status sent.
 */
struct scene {
	struct pod_facts f;
	struct container_facts c[8];
};

static int64_t number(const char **p)
{
	char *end;
	long n = strtol(*p + 1, &end, 10);
	*p = end - 1;
	return n;
}

static void parse_container(struct container_facts *c, const char **p)
{
	static const json_t *none;
	int64_t ago_s = 100, lived_s = 5;
	c->spec = none;
	c->kind = **p == 'i' ? CONTAINER_INIT : **p == 's' ? CONTAINER_SIDECAR : CONTAINER_APP;
	c->now.is_in_sandbox = true;
	c->is_image_ready = true;
	char state = *++*p;
	c->now.state = state == '.'                                   ? INSTANCE_NONE
		       : state == 'c'                                 ? INSTANCE_CREATED
		       : state == 'r' || state == 'u' || state == 'k' ? INSTANCE_RUNNING
								      : INSTANCE_EXITED;
	c->is_started = state == 'r';
	c->kill_why = state == 'k' ? "probe" : NULL;
	c->now.exit_code = state == '1';
	for (++*p; **p && **p != ' '; ++*p) {
		if (**p == '*')
			c->now.is_in_sandbox = false;
		else if (**p == 'n')
			c->is_image_ready = false;
		else if (**p == '~')
			ago_s = number(p);
		else if (**p == 'x')
			c->streak = (unsigned)number(p);
		else if (**p == 'l')
			lived_s = number(p);
	}
	c->now.finished_ns = (NOW_MS - ago_s * 1000) * 1000000;
	c->now.started_ns = c->now.finished_ns - lived_s * 1000000000;
}

static void parse(struct scene *s, enum pod_restart restart, const char *text, json_t *object)
{
	*s = (struct scene){ .f = { .object = object,
				    .restart = restart,
				    .are_volumes_ready = true,
				    .grace_s = 30,
				    .now_ms = NOW_MS,
				    .sandbox_id = "sb" } };
	s->f.containers = s->c;
	for (const char *p = text; *p; p++) {
		if (*p == 's' && strchr("+-!", p[1])) {
			s->f.sandbox = p[1] == '+'   ? SANDBOX_READY
				       : p[1] == '-' ? SANDBOX_NONE
						     : SANDBOX_DEAD;
			p++;
		} else if (strchr("isa", *p)) {
			parse_container(&s->c[s->f.count++], &p);
			if (!*p)
				break;
		} else if (*p == 'D') {
			s->f.is_deleted = true;
		} else if (*p == 'G') {
			s->f.object = NULL;
			s->f.is_deleted = true;
		} else if (*p == 'H') {
			s->f.is_held = true;
		} else if (*p == 'L') {
			s->f.is_stopped = true;
		} else if (*p == 'F') {
			s->f.failed_reason = "Evicted";
		} else if (*p == 'T') {
			s->f.was_terminal = true;
		} else if (*p == 'v') {
			s->f.are_volumes_ready = false;
		} else if (*p == 'V') {
			s->f.have_volumes = true;
		} else if (*p == 'q') {
			s->f.is_status_sent = true;
		}
	}
}

static void print(const struct scene *s, const struct pod_step *step, struct str *out)
{
	str_add(out, pod_action_name(step->action));
	if (step->action == POD_STOP_CONTAINERS) {
		for (size_t i = 0; i < s->f.count; i++)
			if (step->stop[i])
				str_addf(out, " %zu", i);
	} else if (step->action == POD_ENSURE_IMAGE || step->action == POD_CREATE_CONTAINER ||
		   step->action == POD_START_CONTAINER) {
		str_addf(out, " %zu", step->container);
	} else if (step->next_wake_ms) {
		str_addf(out, " %llds", (long long)(step->next_wake_ms - NOW_MS) / 1000);
	}
}

static const struct {
	const char *name;
	enum pod_restart restart;
	const char *facts, *want;
} table[] = {
	{ "first the volumes", POD_RESTART_ALWAYS, "v s- a.", "prepare volumes" },
	{ "then the sandbox", POD_RESTART_ALWAYS, "s- a.", "run sandbox" },
	{ "then the image", POD_RESTART_ALWAYS, "s+ a.n", "ensure image 0" },
	{ "then the container", POD_RESTART_ALWAYS, "s+ a.", "create container 0" },
	{ "then it starts", POD_RESTART_ALWAYS, "s+ ac", "start container 0" },
	{ "then all is well", POD_RESTART_ALWAYS, "s+ ar", "nothing" },
	{ "held", POD_RESTART_ALWAYS, "H s- a.", "nothing" },
	{ "lost: all stop", POD_RESTART_ALWAYS, "L s+ i0 ar au", "stop containers 1 2" },
	{ "lost: sidecars last", POD_RESTART_ALWAYS, "L s+ sr a0", "stop containers 0" },
	{ "lost: nothing starts", POD_RESTART_ALWAYS, "L s+ a0 a.", "nothing" },
	{ "lost before it began", POD_RESTART_ALWAYS, "L v s- a.", "nothing" },
	{ "lost and deleted", POD_RESTART_ALWAYS, "L D s+ a0", "stop sandbox" },
	{ "init before app", POD_RESTART_ALWAYS, "s+ i. a.", "create container 0" },
	{ "init is running", POD_RESTART_ALWAYS, "s+ ir a.", "nothing" },
	{ "init is done", POD_RESTART_ALWAYS, "s+ i0 a.", "create container 1" },
	{ "init of an older sandbox", POD_RESTART_ALWAYS, "s+ i0* a0*", "create container 0" },
	{ "second init", POD_RESTART_ALWAYS, "s+ i0 i. a.", "create container 1" },
	{ "init failed once", POD_RESTART_ALWAYS, "s+ i1~1 a.", "create container 0" },
	{ "init failed twice", POD_RESTART_ALWAYS, "s+ i1~1x1 a.", "nothing 9s" },
	{ "init failed, never", POD_RESTART_NEVER, "s+ i1 a.", "stop sandbox" },
	{ "init forgotten by the runtime", POD_RESTART_ALWAYS, "s+ i. ar", "nothing" },
	{ "sidecar not yet started", POD_RESTART_ALWAYS, "s+ su a.", "nothing" },
	{ "sidecar started", POD_RESTART_ALWAYS, "s+ sr a.", "create container 1" },
	{ "sidecar restarts though done", POD_RESTART_NEVER, "s+ s0 ar", "create container 0" },
	{ "job done, sidecar stops", POD_RESTART_NEVER, "s+ sr a0", "stop containers 0" },
	{ "first restart at once", POD_RESTART_ALWAYS, "s+ a1~0", "create container 0" },
	{ "second waits 10 s", POD_RESTART_ALWAYS, "s+ a1~0x1", "nothing 10s" },
	{ "third waits 20 s", POD_RESTART_ALWAYS, "s+ a1~4x2", "nothing 16s" },
	{ "at most 5 min", POD_RESTART_ALWAYS, "s+ a1~0x20", "nothing 300s" },
	{ "ten good minutes", POD_RESTART_ALWAYS, "s+ a1~0x9l600", "create container 0" },
	{ "back-off is over", POD_RESTART_ALWAYS, "s+ a1~10x1", "create container 0" },
	{ "one waits, the other goes on", POD_RESTART_ALWAYS, "s+ a1~0x1 a.",
	  "create container 1" },
	{ "exit 0, on failure", POD_RESTART_ON_FAILURE, "s+ a0", "stop sandbox" },
	{ "exit 1, on failure", POD_RESTART_ON_FAILURE, "s+ a1", "create container 0" },
	{ "one ended, one runs", POD_RESTART_NEVER, "s+ a0 ar", "nothing" },
	{ "ended", POD_RESTART_NEVER, "s! a1", "nothing" },
	{ "always, exit 0", POD_RESTART_ALWAYS, "s+ a0", "create container 0" },
	{ "probe kills", POD_RESTART_ALWAYS, "s+ ak ar", "stop containers 0" },
	{ "sandbox died, one runs", POD_RESTART_ALWAYS, "s! ar a0", "stop containers 0" },
	{ "sandbox died", POD_RESTART_ALWAYS, "s! a1*", "run sandbox" },
	{ "evicted", POD_RESTART_ALWAYS, "F s+ ar", "stop containers 0" },
	{ "ended before the agent came", POD_RESTART_ALWAYS, "T s- a.", "nothing" },
	{ "deleted", POD_RESTART_ALWAYS, "D s+ sr ar ar", "stop containers 1 2" },
	{ "deleted, then sidecars", POD_RESTART_ALWAYS, "D s+ sr sr a0", "stop containers 1" },
	{ "deleted, then the first", POD_RESTART_ALWAYS, "D s+ sr s0 a0", "stop containers 0" },
	{ "deleted, then the sandbox", POD_RESTART_ALWAYS, "D s+ a0", "stop sandbox" },
	{ "deleted, status not sent", POD_RESTART_ALWAYS, "D s! a0", "nothing" },
	{ "deleted, sandbox goes", POD_RESTART_ALWAYS, "D q V s! a0", "remove sandbox" },
	{ "deleted, volumes go", POD_RESTART_ALWAYS, "D q V s- a0", "clean volumes" },
	{ "deleted, object goes", POD_RESTART_ALWAYS, "D q s- a0", "delete object" },
	{ "gone", POD_RESTART_ALWAYS, "G s- a0", "forget" },
	{ "gone while running", POD_RESTART_ALWAYS, "G s+ ar", "stop containers 0" },
};

static void test_table(json_t *object)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct scene s;
		struct pod_step step;
		AUTO_STR got;
		str_init(&got, 1000);
		parse(&s, table[i].restart, table[i].facts, object);
		pod_plan(&s.f, &step);
		print(&s, &step, &got);
		CHECK_TEXT(table[i].name, got.data, table[i].want);
	}
}

/* ---- every small state, driven until nothing happens ---- */

static void enter(struct scene *s, size_t i, enum instance_state state)
{
	s->c[i].now.state = state;
	s->c[i].now.is_in_sandbox = true;
	s->c[i].is_started = state == INSTANCE_RUNNING;
	s->c[i].kill_why = NULL;
}

/* What the world does with an action; init containers succeed at once. */
static void perform(struct scene *s, const struct pod_step *step)
{
	switch (step->action) {
	case POD_NOTHING:
		s->f.now_ms = step->next_wake_ms;
		break;
	case POD_PREPARE_VOLUMES:
		s->f.are_volumes_ready = s->f.have_volumes = true;
		break;
	case POD_RUN_SANDBOX:
		CHECK(s->f.sandbox != SANDBOX_READY);
		s->f.sandbox = SANDBOX_READY;
		for (size_t i = 0; i < s->f.count; i++) {
			CHECK(s->c[i].now.state != INSTANCE_RUNNING);
			s->c[i].now.is_in_sandbox = false;
		}
		break;
	case POD_ENSURE_IMAGE:
		s->c[step->container].is_image_ready = true;
		break;
	case POD_CREATE_CONTAINER:
		CHECK(s->f.sandbox == SANDBOX_READY && !s->f.is_deleted);
		CHECK(s->c[step->container].now.state != INSTANCE_RUNNING);
		if (s->c[step->container].kind == CONTAINER_APP)
			CHECK(pod_is_initialized(&s->f));
		enter(s, step->container, INSTANCE_CREATED);
		break;
	case POD_START_CONTAINER:
		enter(s, step->container, INSTANCE_RUNNING);
		if (s->c[step->container].kind == CONTAINER_INIT) {
			enter(s, step->container, INSTANCE_EXITED);
			s->c[step->container].now.exit_code = 0;
		}
		break;
	case POD_STOP_CONTAINERS:
		for (size_t i = 0; i < s->f.count; i++) {
			if (!step->stop[i])
				continue;
			CHECK(s->c[i].now.state == INSTANCE_RUNNING);
			enter(s, i, INSTANCE_EXITED);
			s->c[i].now.exit_code = 1;
		}
		break;
	case POD_STOP_SANDBOX:
		s->f.sandbox = SANDBOX_DEAD;
		s->f.is_status_sent = true;
		break;
	case POD_REMOVE_SANDBOX:
		s->f.sandbox = SANDBOX_NONE;
		break;
	case POD_CLEAN_VOLUMES:
		s->f.have_volumes = false;
		break;
	case POD_DELETE_OBJECT:
		CHECK(s->f.sandbox == SANDBOX_NONE && !s->f.have_volumes);
		s->f.object = NULL;
		break;
	case POD_REMOVE_CONTAINER:
	case POD_FORGET:
	case POD_ACTION_COUNT:
		break;
	}
}

static void drive(struct scene *s, const char *text)
{
	struct pod_step step = { 0 };
	s->f.is_status_sent = true;
	for (int i = 0; i < 60; i++) {
		pod_plan(&s->f, &step);
		if (step.action == POD_FORGET || (step.action == POD_NOTHING && !step.next_wake_ms))
			break;
		perform(s, &step);
	}
	bool is_well = step.action == POD_NOTHING && !s->f.is_deleted;
	for (size_t i = 0; i < s->f.count && is_well; i++)
		if (s->c[i].kind != CONTAINER_INIT && s->c[i].now.state != INSTANCE_RUNNING)
			is_well = s->c[i].now.state == INSTANCE_EXITED &&
				  (pod_is_finished(&s->f) || !pod_restarts(&s->f, &s->c[i]));
	if (s->f.is_deleted)
		is_well = step.action == POD_FORGET;
	if (!is_well && pod_is_finished(&s->f) && !s->f.is_deleted)
		is_well = s->f.sandbox != SANDBOX_READY;
	if (!is_well) {
		fprintf(stderr, "'%s' ends with %s\n", text, pod_action_name(step.action));
		exit(1);
	}
}

static void test_every_state(json_t *object)
{
	static const char *const sandboxes[] = { "s+", "s-", "s!" };
	static const char *const states[] = { ".", "c", "r", "u", "k", "0", "1", "0*", "1*", ".n" };
	static const char *const flags[] = { "", "D ", "G ", "v " };
	size_t n = 0;
	for (size_t i = 0; i < 3 * 10 * 10 * 10 * 4 * 3; i++) {
		size_t at = i;
		char text[64];
		const char *flag = flags[at % 4];
		const char *sandbox = sandboxes[(at /= 4) % 3];
		const char *a = states[(at /= 3) % 10];
		const char *b = states[(at /= 10) % 10];
		const char *c = states[(at /= 10) % 10];
		CHECK(snprintf(text, sizeof(text), "%s%s i%s s%s a%s", flag, sandbox, a, b, c) > 0);
		struct scene s;
		parse(&s, (enum pod_restart)(at / 10), text, object);
		/* A sidecar or init that waits for its start probe: it passes. */
		for (size_t k = 0; k < s.f.count; k++)
			if (states[0] && s.c[k].now.state == INSTANCE_RUNNING && !s.c[k].kill_why) {
				s.c[k].is_started = true;
				if (s.c[k].kind == CONTAINER_INIT)
					s.c[k].now.state = INSTANCE_EXITED;
			}
		drive(&s, text);
		n++;
	}
	CHECK_INT(n, 36000);
}

int main(void)
{
	json_t *object = json_object();
	test_table(object);
	test_every_state(object);
	json_decref(object);
	return 0;
}
