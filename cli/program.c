#include "cli/program.h"
#include "cli/files.h"
#include "common/base/jsonx.h"
#include "common/io/process.h"

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
	int n = file_read(path, &text, &err) < 0
			? 0
			: sscanf(text.data, "%d %llu %39s", &pid, &start, boot);
	/* Earlier versions wrote no boot id: `down` of a new one must find what they started. */
	if (n < 2 || (n == 3 && !streq(boot, boot_id())))
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

/* ---- sockets ---- */

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

/* ---- starting ---- */

struct words {
	const char **at; /* NULL-terminated; the words are somebody else's */
	size_t count;
};

static void words_fini(struct words *w)
{
	free(w->at);
}
#define AUTO_WORDS __attribute__((cleanup(words_fini))) struct words

static void words_add(struct words *w, const char *word)
{
	w->at = xrealloc(w->at, w->count + 2, sizeof *w->at);
	w->at[w->count++] = word;
	w->at[w->count] = NULL;
}

static void add_list(struct words *w, const json_t *list)
{
	size_t i;
	json_t *word;
	json_array_foreach (list, i, word)
		words_add(w, json_string_value(word));
}

/* Ours without what the description sets, and that. */
static void make_env(struct words *w, const json_t *own)
{
	for (char **e = environ; *e; e++) {
		size_t name = strcspn(*e, "=") + 1, i;
		bool is_own = false;
		json_t *word;
		json_array_foreach (own, i, word)
			is_own |= strncmp(json_string_value(word), *e, name) == 0;
		if (!is_own)
			words_add(w, *e);
	}
	add_list(w, own);
}

static void name_sockets(const json_t *list, struct str *out)
{
	size_t i;
	json_t *s;
	json_array_foreach (list, i, s)
		str_addf(out, "%s%s", i ? ":" : "", json_str_or(s, "name", ""));
}

/* Left by an earlier life; etcd does not start while they are there. */
static void remove_stale(const json_t *d, const char *cwd)
{
	size_t i;
	json_t *name;
	json_array_foreach (json_object_get(d, "unlink"), i, name) {
		auto_free char *path = xasprintf("%s/%s", cwd, json_string_value(name));
		(void)unlink(path); /* what cannot go, the program itself complains of */
	}
}

int program_start(const json_t *description, const struct program_sockets *sockets,
		  struct process_id *ret, struct error *err)
{
	AUTO_WORDS argv = { 0 }, env = { 0 };
	AUTO_STR names;
	str_init(&names, 1024);
	const char *name = json_str_or(description, "name", "?");
	const char *netns = json_str_or(description, "netns", "");
	const char *cwd = json_str_or(description, "cwd", "/");
	auto_free char *ns_path = *netns ? xasprintf("/run/netns/%s", netns) : NULL;
	add_list(&argv, json_object_get(description, "argv"));
	make_env(&env, json_object_get(description, "env"));
	name_sockets(json_object_get(description, "sockets"), &names);
	if (argv.count == 0)
		return error_set(err, ERR_INVALID, "start %s: no command", name);
	remove_stale(description, cwd);
	bool has_sockets = sockets && sockets->count > 0;
	struct process_options o = { .argv = argv.at,
				     .env = env.at,
				     .cwd = cwd,
				     .fds = has_sockets ? sockets->fds : NULL,
				     .fds_count = has_sockets ? sockets->count : 0,
				     .fd_names = has_sockets ? names.data : NULL,
				     .log_file = json_str_or(description, "log", "/dev/null"),
				     .new_session = true,
				     .netns = ns_path };
	pid_t pid;
	if (process_start(&o, &pid, err) < 0)
		return error_wrap(err, "start %s", name);
	if (!process_read(pid, ret))
		*ret = (struct process_id){ .pid = pid };
	return 0;
}
