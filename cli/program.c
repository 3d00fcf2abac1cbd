#include "cli/program.h"
#include "cli/files.h"
#include "common/base/jsonx.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#define SOCKETS_MAX PROGRAM_SOCKETS_MAX
#define LISTEN_FD   3 /* sd_listen_fds(3): passed sockets start here */
#define ARGS_MAX    128
#define BACKLOG     128

bool process_read(pid_t pid, struct process_id *ret)
{
	char path[64];
	int n = snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	assert(n > 0);
	AUTO_STR text;
	struct error err;
	str_init(&text, 8192);
	if (pid <= 0 || file_read(path, &text, &err) < 0)
		return false;
	/* The name may hold anything; what follows its last parenthesis is plain. */
	const char *after = strrchr(text.data, ')');
	char state;
	unsigned long long start;
	if (!after || sscanf(after + 1,
			     " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d "
			     "%*d %*d %*d %*d %*d %llu",
			     &state, &start) != 2)
		return false;
	*ret = (struct process_id){ pid, start };
	return state != 'Z' && state != 'X';
}

bool process_is_alive(const struct process_id *p)
{
	struct process_id now;
	return process_read(p->pid, &now) && now.start == p->start;
}

void process_signal(const struct process_id *p, int signum)
{
	if (process_is_alive(p))
		kill(p->pid, signum);
}

/* Of this boot of the machine: after another one a pid and its start time may be anybody's. */
static const char *boot_id(void)
{
	static char id[40];
	AUTO_STR text;
	struct error err;
	str_init(&text, 64);
	if (!id[0] && file_read("/proc/sys/kernel/random/boot_id", &text, &err) == 0) {
		size_t n = MIN(strcspn(text.data, "\n"), sizeof id - 1);
		memcpy(id, text.data, n);
	}
	return id;
}

bool program_read_pid(const char *root, const char *name, struct process_id *ret)
{
	AUTO_STR text;
	struct error err;
	str_init(&text, 256);
	auto_free char *path = xasprintf("%s/run/%s.pid", root, name);
	int pid;
	unsigned long long start;
	char boot[40];
	if (file_read(path, &text, &err) < 0 ||
	    sscanf(text.data, "%d %llu %39s", &pid, &start, boot) != 3 || !streq(boot, boot_id()))
		return false;
	*ret = (struct process_id){ pid, start };
	return true;
}

int program_write_pid(const char *root, const char *name, const struct process_id *p,
		      struct error *err)
{
	auto_free char *path = xasprintf("%s/run/%s.pid", root, name);
	auto_free char *text =
		xasprintf("%d %llu %s\n", (int)p->pid, (unsigned long long)p->start, boot_id());
	return file_write(path, text, strlen(text), 0644, err);
}

/* ---- in the child, between fork and exec: only system calls and what is prepared ---- */

struct launch {
	char *argv[ARGS_MAX + 1];
	size_t argc;
	char netns[128];                /* path, or "" */
	const char *cwd;                /* or NULL */
	const char *stale[SOCKETS_MAX]; /* left by an earlier life, removed first */
	size_t stale_count;
	int log_fd;
	const int *sockets; /* the caller's; passed from LISTEN_FD on */
	size_t sockets_count;
	char names[256]; /* LISTEN_FDNAMES */
	int report_fd;   /* what went wrong, as text */
};

static void give_up(const struct launch *l, const char *what)
{
	dprintf(l->report_fd, "%s: %s", what, strerror(errno));
	_exit(127);
}

/* Sockets may stand where others are to go: first out of the way, then into place. */
static void place_sockets(const struct launch *l)
{
	int moved[SOCKETS_MAX];
	for (size_t i = 0; i < l->sockets_count; i++)
		if ((moved[i] = fcntl(l->sockets[i], F_DUPFD_CLOEXEC, LISTEN_FD + SOCKETS_MAX)) < 0)
			give_up(l, "dup");
	for (size_t i = 0; i < l->sockets_count; i++)
		if (dup2(moved[i], LISTEN_FD + (int)i) < 0)
			give_up(l, "dup2");
}

static void run_child(const struct launch *l)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	if (setsid() < 0)
		give_up(l, "setsid");
	if (*l->netns) {
		int ns = open(l->netns, O_RDONLY | O_CLOEXEC);
		if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
			give_up(l, l->netns);
	}
	if (chdir(l->cwd ? l->cwd : "/") < 0)
		give_up(l, "chdir");
	for (size_t i = 0; i < l->stale_count; i++)
		if (unlink(l->stale[i]) < 0 && errno != ENOENT)
			give_up(l, l->stale[i]);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (dup2(null, 0) < 0 || dup2(l->log_fd, 1) < 0 || dup2(l->log_fd, 2) < 0)
		give_up(l, "dup2");
	place_sockets(l);
	if (l->sockets_count) {
		char pid[16], count[16];
		snprintf(pid, sizeof pid, "%d", (int)getpid());
		snprintf(count, sizeof count, "%zu", l->sockets_count);
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", count, 1);
		setenv("LISTEN_FDNAMES", l->names, 1);
	}
	execv(l->argv[0], l->argv);
	give_up(l, l->argv[0]);
}

/* ---- in the parent ---- */

static int name_sockets(const json_t *d, struct launch *l, struct error *err)
{
	size_t i;
	json_t *s;
	json_array_foreach (json_object_get(d, "sockets"), i, s) {
		size_t used = strlen(l->names);
		int n = snprintf(l->names + used, sizeof l->names - used, "%s%s", used ? ":" : "",
				 json_str_or(s, "name", ""));
		if (n < 0 || (size_t)n >= sizeof l->names - used)
			return error_set(err, ERR_LIMIT, "socket names are too long");
	}
	return 0;
}

static int open_socket(const json_t *s, struct error *err)
{
	int one = 1;
	bool udp = streq(json_str_or(s, "type", ""), "udp");
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)json_int_or(s, "port", 0)) };
	if (inet_pton(AF_INET, json_str_or(s, "address", ""), &a.sin_addr) != 1)
		return error_set(err, ERR_INVALID, "bad socket address");
	int type = (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	auto_close int fd = socket(AF_INET, type, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof one) < 0 ||
	    bind(fd, (const struct sockaddr *)&a, sizeof a) < 0 ||
	    (!udp && listen(fd, BACKLOG) < 0))
		return error_set(err, ERR_UNAVAILABLE, "socket %s: %s", json_str_or(s, "name", "?"),
				 strerror(errno));
	return TAKE_FD(fd);
}

static void close_sockets(struct program_sockets *s)
{
	for (size_t i = 0; i < s->count; i++)
		close(s->fds[i]);
	s->count = 0;
}

int program_open_sockets(const json_t *description, struct program_sockets *ret, struct error *err)
{
	const char *netns = json_str_or(description, "netns", "");
	auto_free char *path = xasprintf("/run/netns/%s", netns);
	auto_close int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	auto_close int there = *netns ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (home < 0 || (*netns && (there < 0 || setns(there, CLONE_NEWNET) < 0)))
		return error_set(err, ERR_UNAVAILABLE, "network namespace %s: %s", netns,
				 strerror(errno));
	int code = 0;
	size_t i;
	json_t *s;
	json_array_foreach (json_object_get(description, "sockets"), i, s) {
		int fd = ret->count < SOCKETS_MAX ? open_socket(s, err)
						  : error_set(err, ERR_LIMIT, "too many sockets");
		code = fd < 0 ? fd : code;
		if (fd < 0)
			break;
		ret->fds[ret->count++] = fd;
	}
	if (there >= 0 && setns(home, CLONE_NEWNET) < 0)
		abort(); /* nobody may go on in another's network */
	if (code < 0)
		close_sockets(ret);
	return code;
}

static int prepare(const json_t *d, struct launch *l, struct error *err)
{
	size_t i;
	json_t *a;
	json_array_foreach (json_object_get(d, "argv"), i, a)
		if (l->argc < ARGS_MAX)
			l->argv[l->argc++] = xstrdup(json_string_value(a));
	if (l->argc == 0)
		return error_set(err, ERR_INVALID, "no command");
	l->cwd = json_str(d, "cwd");
	json_array_foreach (json_object_get(d, "unlink"), i, a)
		if (l->stale_count < SOCKETS_MAX)
			l->stale[l->stale_count++] = json_string_value(a);
	const char *netns = json_str_or(d, "netns", "");
	if (*netns) {
		int n = snprintf(l->netns, sizeof l->netns, "/run/netns/%s", netns);
		assert(n > 0);
	}
	const char *log = json_str_or(d, "log", "/dev/null");
	l->log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (l->log_fd < 0)
		return error_set(err, ERR_UNAVAILABLE, "open %s: %s", log, strerror(errno));
	return name_sockets(d, l, err);
}

static void set_environment(const json_t *d)
{
	size_t i;
	json_t *e;
	json_array_foreach (json_object_get(d, "env"), i, e) {
		const char *text = json_string_value(e), *equals = strchr(text, '=');
		if (!equals)
			continue;
		auto_free char *name = xstrndup(text, (size_t)(equals - text));
		setenv(name, equals + 1, 1);
	}
}

static int launch(const json_t *d, struct launch *l, struct process_id *ret, struct error *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, ERR_UNAVAILABLE, "pipe: %s", strerror(errno));
	/* The passed sockets take the numbers from 3 on: the report must stand above them. */
	l->report_fd = fcntl(fds[1], F_DUPFD_CLOEXEC, LISTEN_FD + 2 * SOCKETS_MAX);
	pid_t pid = fork();
	if (pid == 0) {
		set_environment(d);
		run_child(l);
	}
	close(fds[1]);
	close(l->report_fd);
	char why[256] = "";
	ssize_t n = pid > 0 ? read(fds[0], why, sizeof why - 1) : 0;
	close(fds[0]);
	if (pid < 0)
		return error_set(err, ERR_UNAVAILABLE, "fork: %s", strerror(errno));
	if (n > 0)
		return error_set(err, ERR_UNAVAILABLE, "%s", why);
	if (!process_read(pid, ret))
		*ret = (struct process_id){ .pid = pid };
	return 0;
}

int program_start(const json_t *description, const struct program_sockets *sockets,
		  struct process_id *ret, struct error *err)
{
	struct launch l = { .log_fd = -1 };
	if (sockets) {
		l.sockets = sockets->fds;
		l.sockets_count = sockets->count;
	}
	int code = prepare(description, &l, err);
	if (code == 0)
		code = launch(description, &l, ret, err);
	for (size_t i = 0; i < l.argc; i++)
		free(l.argv[i]);
	if (l.log_fd >= 0)
		close(l.log_fd);
	return code < 0 ? error_wrap(err, "start %s", json_str_or(description, "name", "?")) : 0;
}
