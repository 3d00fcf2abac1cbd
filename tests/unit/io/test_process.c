#include "common/io/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/base/str.h"
#include "tests/support/check.h"

static struct loop *loop;

struct seen {
	struct str lines; /* joined by '|' */
	struct process_exit exit;
	bool has_exited;
};

static void got_line(void *ctx, const char *text, size_t n)
{
	struct seen *s = ctx;
	CHECK(!s->has_exited);
	str_add_bytes(&s->lines, text, n);
	str_add(&s->lines, "|");
}

static void got_exit(void *ctx, const struct process_exit *e)
{
	struct seen *s = ctx;
	CHECK(!s->has_exited);
	s->has_exited = true;
	s->exit = *e;
	loop_stop(loop);
}

static void run(struct process_options o, struct seen *s, bool wants_lines)
{
	struct error err = { 0 };
	struct process *p = NULL;
	memset(s, 0, sizeof *s);
	str_init(&s->lines, 1u << 20);
	o.line = wants_lines ? got_line : NULL;
	o.exited = got_exit;
	o.ctx = s;
	int code = process_spawn(loop, &o, &p, &err);
	if (code)
		fprintf(stderr, "%s\n", err.text);
	CHECK_INT(code, 0);
	CHECK(process_pid(p) > 0);
	while (!s->has_exited)
		loop_run(loop);
	CHECK(!process_is_running(p));
	CHECK(!process_kill(p, SIGTERM));
	process_free(p);
}

#define SHELL(script) ((const char *const[]){ "sh", "-c", (script), NULL })

static void exits_and_lines(void)
{
	static const struct {
		const char *name, *script, *lines;
		int code, signal;
	} rows[] = {
		{ "quiet", "exit 0", "", 0, 0 },
		{ "code", "exit 3", "", 3, 0 },
		{ "killed", "kill -9 $$", "", -1, 9 },
		{ "lines", "echo a; echo b >&2; printf c", "a|b|c|", 0, 0 },
		{ "empty lines", "echo; echo; echo x", "||x|", 0, 0 },
		{ "stdin is /dev/null", "cat; echo end", "end|", 0, 0 },
		{ "session", "[ $(ps -o sid= -p $$) -eq $$ ] && echo own || echo same", "same|", 0,
		  0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct seen s;
		run((struct process_options){ .argv = SHELL(rows[i].script) }, &s, true);
		CHECK_TEXT(rows[i].name, s.lines.data, rows[i].lines);
		CHECK_INT(s.exit.code, rows[i].code);
		CHECK_INT(s.exit.signal, rows[i].signal);
		CHECK(s.exit.is_known);
		str_fini(&s.lines);
	}
	struct seen s;
	run((struct process_options){ .argv = SHELL("head -c 100000 /dev/zero | tr '\\0' x") }, &s,
	    true);
	CHECK(s.lines.len >= 100000); /* in pieces */
	str_fini(&s.lines);
}

static void surroundings(void)
{
	struct seen s;
	run((struct process_options){ .argv = SHELL("pwd; echo $A; echo ${HOME:-none}"),
				      .env = (const char *const[]){ "A=1", "PATH=/bin:/usr/bin",
								    NULL },
				      .cwd = "/usr" },
	    &s, true);
	CHECK_TEXT("env and cwd", s.lines.data, "/usr|1|none|");
	str_fini(&s.lines);
	run(
		(struct process_options){
			.argv = SHELL("[ $(ps -o sid= -p $$) -eq $$ ] && echo own || echo same"),
			.new_session = true },
		&s, true);
	CHECK_TEXT("session", s.lines.data, "own|");
	str_fini(&s.lines);
}

static void descriptors(void)
{
	int a[2], b[2];
	struct seen s;
	char got[8] = "";
	CHECK_INT(pipe2(a, O_CLOEXEC), 0);
	CHECK_INT(pipe2(b, O_CLOEXEC), 0);
	/* Swapped on purpose: b's end becomes 3, a's 4, whatever numbers they have here. */
	int fds[] = { b[1], a[1] };
	run(
		(struct process_options){
			.argv = SHELL("echo three >&3; echo four >&4; echo $LISTEN_FDS "
				      "$LISTEN_FDNAMES; [ $LISTEN_PID -eq $$ ] && echo pid; "
				      "ls /proc/self/fd | wc -l"),
			.fds = fds,
			.fds_count = 2,
			.fd_names = "x:y" },
		&s, true);
	/* 0, 1, 2, 3, 4 and ls' own directory: nothing else leaks. */
	CHECK_TEXT("announced", s.lines.data, "2 x:y|pid|6|");
	str_fini(&s.lines);
	CHECK(read(b[0], got, sizeof got - 1) > 0);
	CHECK_TEXT("3", got, "three\n");
	memset(got, 0, sizeof got);
	CHECK(read(a[0], got, sizeof got - 1) > 0);
	CHECK_TEXT("4", got, "four\n");
	close(a[0]);
	close(a[1]);
	close(b[0]);
	close(b[1]);
}

static void log_file(void)
{
	char path[] = "/tmp/skiff-test-XXXXXX", got[40] = "";
	int fd = mkstemp(path);
	struct seen s;
	CHECK(fd >= 0);
	run((struct process_options){ .argv = SHELL("echo one"), .log_file = path }, &s, false);
	str_fini(&s.lines);
	run((struct process_options){ .argv = SHELL("echo two >&2"), .log_file = path }, &s, false);
	str_fini(&s.lines);
	CHECK(read(fd, got, sizeof got - 1) > 0);
	CHECK_TEXT("appended", got, "one\ntwo\n");
	close(fd);
	unlink(path);
}

static void failures(void)
{
	const struct {
		const char *name;
		struct process_options options;
		int code;
		const char *text;
	} rows[] = {
		{ "no such file",
		  { .argv = (const char *const[]){ "/no/such", NULL } },
		  ERR_NOT_FOUND,
		  "/no/such" },
		{ "not in PATH",
		  { .argv = (const char *const[]){ "no-such-program", NULL } },
		  ERR_NOT_FOUND,
		  "PATH" },
		{ "not executable",
		  { .argv = (const char *const[]){ "/etc/passwd", NULL } },
		  ERR_INVALID,
		  "/etc/passwd" },
		{ "no such directory",
		  { .argv = (const char *const[]){ "true", NULL }, .cwd = "/no/dir" },
		  ERR_NOT_FOUND,
		  "/no/dir" },
		{ "no such namespace",
		  { .argv = (const char *const[]){ "true", NULL }, .netns = "/no/ns" },
		  ERR_INVALID,
		  "/no/ns" },
		{ "log cannot be opened",
		  { .argv = (const char *const[]){ "true", NULL }, .log_file = "/no/log" },
		  ERR_INVALID,
		  "/no/log" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct process *p = NULL;
		struct error err;
		CHECK_INT(process_spawn(loop, &rows[i].options, &p, &err), rows[i].code);
		CHECK(strstr(err.text, rows[i].text));
		CHECK(!p);
	}
}

static void signals_and_adoption(void)
{
	struct error err;
	struct process *p = NULL, *q = NULL;
	struct seen s = { 0 }, t = { 0 };
	struct process_options o = {
		.argv = SHELL("exec sleep 1000"), .new_session = true, .exited = got_exit, .ctx = &s
	};
	CHECK_INT(process_spawn(loop, &o, &p, &err), 0);
	uint64_t start;
	CHECK_INT(process_find_start_time(process_pid(p), &start, &err), 0);
	CHECK_INT(start, process_start_time(p));
	CHECK_INT(process_adopt(loop, process_pid(p), start + 1, got_exit, &t, &q, &err),
		  ERR_NOT_FOUND);
	CHECK_INT(process_adopt(loop, process_pid(p), start, got_exit, &t, &q, &err), 0);
	CHECK(process_kill_group(p, SIGTERM));
	while (!s.has_exited || !t.has_exited)
		loop_run(loop);
	CHECK(s.exit.signal == SIGTERM || t.exit.signal == SIGTERM);
	pid_t pid = process_pid(p);
	process_free(p);
	process_free(q);
	CHECK_INT(process_adopt(loop, pid, start, got_exit, &t, &q, &err), ERR_NOT_FOUND);
}

/* Not our child: that it ended is told, its code is not. */
static void adopted_stranger(void)
{
	int ends[2];
	pid_t stranger = 0;
	CHECK_INT(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		pid_t grandchild = fork();
		if (grandchild == 0) {
			execlp("sleep", "sleep", "1000", (char *)NULL);
			_exit(127);
		}
		_exit(write(ends[1], &grandchild, sizeof grandchild) == sizeof grandchild ? 0 : 1);
	}
	CHECK_INT(read(ends[0], &stranger, sizeof stranger), sizeof stranger);
	CHECK_INT(waitpid(child, NULL, 0), child);
	close(ends[0]);
	close(ends[1]);
	struct seen s = { 0 };
	struct process *p = NULL;
	struct error err;
	uint64_t start;
	CHECK_INT(process_find_start_time(stranger, &start, &err), 0);
	CHECK_INT(process_adopt(loop, stranger, start, got_exit, &s, &p, &err), 0);
	CHECK(process_kill(p, SIGKILL));
	while (!s.has_exited)
		loop_run(loop);
	CHECK(!s.exit.is_known);
	process_free(p);
}

int main(void)
{
	loop = loop_new();
	exits_and_lines();
	surroundings();
	descriptors();
	log_file();
	failures();
	signals_and_adoption();
	adopted_stranger();
	loop_free(loop);
	return 0;
}
