/*
 * cri_client: what can be said without containerd always; with SKIFF_CONTAINERD_SOCKET set (and
 * localhost/busybox:1 and localhost/pause:1 imported there) a pod's whole life against a real one.
 */
#include "common/io/cri_client.h"
#include "common/io/cri_client_internal.h"
#include "common/io/log.h"
#include "tests/support/check.h"

#include <sys/stat.h>

/* ---- without containerd ---- */

static void test_pack_every_op(void)
{
	/* Empty requests of every kind are well-formed messages of some length. */
	for (int op = 0; op < CRI_OP_COUNT; op++) {
		AUTO_STR out;
		str_init(&out, 1 << 20);
		cri_pack(&(struct cri_request){ .op = (enum cri_op)op }, &out);
		CHECK(str_ok(&out));
		CHECK(cri_op_name((enum cri_op)op) != NULL);
	}
}

static void test_bytes_on_the_wire(void)
{
	/* StopContainer: container_id = 1, timeout = 2. */
	AUTO_STR out;
	str_init(&out, 1000);
	cri_pack(&(struct cri_request){ .op = CRI_STOP_CONTAINER, .id = "ab", .timeout_s = 30 },
		 &out);
	CHECK_INT(out.len, 6);
	CHECK(memcmp(out.data,
		     "\x0a\x02"
		     "ab\x10\x1e",
		     6) == 0);
	/* Labels are map entries. */
	struct cri_pair pair = { "k", "v" };
	str_clear(&out);
	cri_pack(&(struct cri_request){ .op = CRI_LIST_SANDBOXES, .labels = { &pair, 1 } }, &out);
	CHECK(out.len == 10 && memcmp(out.data, "\x0a\x08\x1a\x06\x0a\x01k\x12\x01v", 10) == 0);
}

static void test_unpack_garbage(void)
{
	struct error err = { 0 };
	for (int op = 0; op < CRI_OP_COUNT; op++) {
		AUTO_ARENA a = { 0 };
		struct cri_reply reply = { 0 };
		void *message = NULL;
		int code = cri_unpack((enum cri_op)op, "\x0a\xff\xff\xff\xff\x0f", 6, &a, &reply,
				      &message, &err);
		CHECK_INT(code, ERR_INTERNAL);
		CHECK_INT(cri_unpack((enum cri_op)op, "", 0, &a, &reply, &message, &err), 0);
		cri_unpack_free(message);
	}
}

static void test_events(void)
{
	/* namespace, topic, Any{type, TaskExit{container_id "c", id "c", pid 7, exit_status 3}} */
	static const char bytes[] = "\x12\x06k8s.io\x1a\x0b/tasks/exit\x22\x0f\x0a\x01t\x12\x0a"
				    "\x0a\x01"
				    "c\x12\x01"
				    "c\x18\x07\x20\x03";
	AUTO_ARENA a = { 0 };
	enum cri_event_type type;
	const char *id;
	int exit_code;
	CHECK(cri_unpack_event(bytes, sizeof(bytes) - 1, &a, &type, &id, &exit_code));
	CHECK_INT(type, CRI_EVENT_EXIT);
	CHECK_TEXT("exit", id, "c");
	CHECK_INT(exit_code, 3);
	CHECK(!cri_unpack_event("\x12\x06moby12", 8, &a, &type, &id, &exit_code));
}

/* ---- with containerd ---- */

struct answer {
	struct loop *loop;
	int code;
	char message[1024], text[256], out[256], ip[64];
	int32_t exit_code;
	enum cri_container_state state;
	size_t count;
	int exits;
	bool is_connected, is_waiting_exit;
};

static void on_reply(void *ctx, const struct cri_reply *r)
{
	struct answer *a = ctx;
	a->code = r->code;
	CHECK(snprintf(a->message, sizeof(a->message), "%s", r->message) >= 0);
	CHECK(snprintf(a->text, sizeof(a->text), "%s", r->text) >= 0);
	CHECK(snprintf(a->out, sizeof(a->out), "%.*s", (int)r->out_len, r->out ? r->out : "") >= 0);
	a->exit_code = r->exit_code;
	a->count = r->sandboxes_count + r->containers_count + r->images_count + r->stats_count +
		   r->conditions_count;
	if (r->containers_count) {
		a->state = r->containers[0].state;
		a->exit_code = r->containers[0].exit_code;
	}
	if (r->sandboxes_count && r->sandboxes[0].ips.count)
		CHECK(snprintf(a->ip, sizeof(a->ip), "%s", r->sandboxes[0].ips.at[0]) > 0);
	loop_stop(a->loop);
}

static void on_event(void *ctx, enum cri_event_type type, const char *id, int exit_code)
{
	struct answer *a = ctx;
	(void)id;
	(void)exit_code;
	if (type == CRI_EVENT_EXIT && ++a->exits && a->is_waiting_exit)
		loop_stop(a->loop);
}

static void on_connected(void *ctx, bool is_connected)
{
	struct answer *a = ctx;
	a->is_connected = is_connected;
	loop_stop(a->loop);
}

static void call(struct cri_client *c, struct answer *a, const struct cri_request *r)
{
	int64_t start = loop_wall_us(a->loop);
	(void)cri_start(c, r, on_reply, a);
	loop_run(a->loop);
	printf("%-24s %6lld us  code %d %s %s\n", cri_op_name(r->op),
	       (long long)(loop_wall_us(a->loop) - start), a->code, a->message, a->text);
}

static void must(struct cri_client *c, struct answer *a, const struct cri_request *r)
{
	call(c, a, r);
	CHECK_TEXT(cri_op_name(r->op), a->message, "");
	CHECK_INT(a->code, 0);
}

static void test_life(struct cri_client *c, struct answer *a)
{
	char dir[] = "/tmp/skiff-cri-XXXXXX";
	CHECK(mkdtemp(dir) != NULL);
	struct cri_pair labels[] = { { "io.kubernetes.pod.uid", "u-1" } };
	struct cri_sandbox_config sandbox = {
		.name = "trial",
		.uid = "u-1",
		.ns = "default",
		.hostname = "trial",
		.log_directory = dir,
		.labels = { labels, 1 },
		.cgroup_parent = "/skiff-test",
		.security.namespaces.pid = CRI_NS_CONTAINER,
	};
	const char *command[] = { "sh", "-c",
				  "echo up; trap 'exit 3' TERM; while :; do sleep 0.1; done" };
	struct cri_container_config container = {
		.name = "main",
		.image = "localhost/busybox:1",
		.command = { command, 3 },
		.log_path = "main/0.log",
		.labels = { labels, 1 },
		.resources = { .memory_limit = 64 << 20, .cpu_shares = 102 },
		.security.namespaces.pid = CRI_NS_CONTAINER,
	};
	must(c, a, &(struct cri_request){ .op = CRI_RUN_SANDBOX, .sandbox = &sandbox });
	char *sandbox_id = xstrdup(a->text);
	must(c, a, &(struct cri_request){ .op = CRI_SANDBOX_STATUS, .id = sandbox_id });
	CHECK(a->ip[0] != '\0');
	must(c, a,
	     &(struct cri_request){ .op = CRI_CREATE_CONTAINER,
				    .id = sandbox_id,
				    .sandbox = &sandbox,
				    .container = &container });
	char *id = xstrdup(a->text);
	must(c, a, &(struct cri_request){ .op = CRI_START_CONTAINER, .id = id });
	const char *echo[] = { "sh", "-c", "echo hello; exit 5" };
	must(c, a,
	     &(struct cri_request){
		     .op = CRI_EXEC_SYNC, .id = id, .command = { echo, 3 }, .timeout_s = 5 });
	CHECK_TEXT("exec", a->out, "hello\n");
	CHECK_INT(a->exit_code, 5);
	must(c, a,
	     &(struct cri_request){
		     .op = CRI_EXEC, .id = id, .command = { echo, 3 }, .use_stdout = true });
	CHECK(starts_with(a->text, "http://127.0.0.1:"));
	must(c, a, &(struct cri_request){ .op = CRI_LIST_CONTAINERS, .labels = { labels, 1 } });
	CHECK_INT(a->count, 1);
	must(c, a, &(struct cri_request){ .op = CRI_LIST_STATS });
	must(c, a, &(struct cri_request){ .op = CRI_IMAGE_FS });
	must(c, a, &(struct cri_request){ .op = CRI_REOPEN_LOG, .id = id });
	a->exits = 0;
	must(c, a, &(struct cri_request){ .op = CRI_STOP_CONTAINER, .id = id, .timeout_s = 10 });
	must(c, a, &(struct cri_request){ .op = CRI_CONTAINER_STATUS, .id = id });
	CHECK_INT(a->state, CRI_EXITED);
	CHECK_INT(a->exit_code, 3);
	a->is_waiting_exit = true;
	while (a->exits == 0)
		loop_run(a->loop);
	a->is_waiting_exit = false;
	must(c, a, &(struct cri_request){ .op = CRI_STOP_SANDBOX, .id = sandbox_id });
	must(c, a, &(struct cri_request){ .op = CRI_REMOVE_SANDBOX, .id = sandbox_id });
	must(c, a, &(struct cri_request){ .op = CRI_LIST_CONTAINERS, .labels = { labels, 1 } });
	CHECK_INT(a->count, 0);
	call(c, a, &(struct cri_request){ .op = CRI_CONTAINER_STATUS, .id = id });
	CHECK_INT(a->code, ERR_NOT_FOUND);
	must(c, a, &(struct cri_request){ .op = CRI_IMAGE_STATUS, .image = "localhost/nothing:1" });
	CHECK_INT(a->count, 0);
	free(id);
	free(sandbox_id);
	char path[64];
	CHECK(snprintf(path, sizeof(path), "rm -rf %s", dir) > 0);
	CHECK_INT(system(path), 0);
}

int main(void)
{
	log_set_quiet(true);
	test_pack_every_op();
	test_bytes_on_the_wire();
	test_unpack_garbage();
	test_events();
	const char *socket = getenv("SKIFF_CONTAINERD_SOCKET");
	if (!socket)
		return 0;
	AUTO(loop) *loop = loop_new();
	struct answer a = { .loop = loop };
	struct cri_events events = { .event = on_event, .connected = on_connected, .ctx = &a };
	struct cri_client_options options = { .socket = socket, .events = &events };
	struct cri_client *c;
	struct error err;
	CHECK_INT(cri_client_new(loop, &options, &c, &err), 0);
	while (!a.is_connected)
		loop_run(loop);
	must(c, &a, &(struct cri_request){ .op = CRI_STATUS });
	test_life(c, &a);
	cri_client_free(c);
	return 0;
}
