#include "tests/store/etcd_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "apiserver/store_etcd.h"
#include "tests/support/check.h"

#define PORT "2379" /* only a suffix of the socket's name */

struct etcd_process {
	char dir[64];
	char socket[128];
	pid_t pid;
};

static const char *find_program(void)
{
	static char path[512];
	const char *given = getenv("SKIFF_ETCD");
	if (given && access(given, X_OK) == 0)
		return given;
	if (access("build/tools/etcd", X_OK) == 0)
		return "build/tools/etcd";
	const char *dirs = getenv("PATH");
	while (dirs && *dirs) {
		size_t n = strcspn(dirs, ":");
		if (snprintf(path, sizeof path, "%.*s/etcd", (int)n, dirs) < (int)sizeof path &&
		    access(path, X_OK) == 0)
			return path;
		dirs += n + (dirs[n] == ':');
	}
	return NULL;
}

bool etcd_process_exists(void)
{
	return find_program() != NULL;
}

static void run_etcd(struct etcd_process *e)
{
	auto_free char *program = realpath(find_program(), NULL);
	/* etcd takes "unix://NAME:PORT" for a socket file of that name where it runs, and does
	 * not start while one is left over from a killed one. */
	if (!program || chdir(e->dir) < 0)
		_exit(127);
	unlink("c:" PORT);
	unlink("p:2380");
	int fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, 1);
	dup2(fd, 2);
	execl(program, "etcd", "--data-dir=data", "--listen-client-urls=unix://c:" PORT,
	      "--advertise-client-urls=http://localhost:" PORT, "--listen-peer-urls=unix://p:2380",
	      "--log-level=error", "--logger=zap", "--max-request-bytes=8388608", (char *)NULL);
	_exit(127);
}

static bool accepts(const struct etcd_process *e)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	CHECK(snprintf(to.sun_path, sizeof to.sun_path, "%s", e->socket) > 0);
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
}

void etcd_process_restart(struct etcd_process *e)
{
	e->pid = fork();
	CHECK(e->pid >= 0);
	if (e->pid == 0)
		run_etcd(e);
	/* A program of others without a way to say "ready": looked at every 5 ms, for 20 s. */
	for (int i = 0; i < 4000 && !accepts(e); i++) {
		CHECK_INT(waitpid(e->pid, NULL, WNOHANG), 0);
		poll(NULL, 0, 5);
	}
	CHECK(accepts(e));
}

struct etcd_process *etcd_process_start(void)
{
	struct etcd_process *e = xcalloc(1, sizeof *e);
	CHECK(snprintf(e->dir, sizeof e->dir, "/tmp/skiff-etcd-XXXXXX") > 0);
	CHECK(mkdtemp(e->dir));
	CHECK(snprintf(e->socket, sizeof e->socket, "%s/c:" PORT, e->dir) > 0);
	etcd_process_restart(e);
	return e;
}

void etcd_process_kill(struct etcd_process *e)
{
	kill(e->pid, SIGKILL);
	waitpid(e->pid, NULL, 0);
	e->pid = 0;
}

void etcd_process_free(struct etcd_process *e)
{
	if (!e)
		return;
	if (e->pid)
		etcd_process_kill(e);
	pid_t pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", "--", e->dir, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	free(e);
}

const char *etcd_process_socket(const struct etcd_process *e)
{
	return e->socket;
}

struct store_backend *etcd_process_backend(struct etcd_process *e, struct loop *loop, bool is_grpc)
{
	auto_free char *endpoint = xasprintf("unix://%s", e->socket);
	struct store_etcd_options options = { .endpoint = endpoint };
	struct store_backend *b = NULL;
	struct error err;
	int code = is_grpc ? store_etcd_grpc_new(loop, &options, &b, &err)
			   : store_etcd_json_new(loop, &options, &b, &err);
	if (code < 0)
		fprintf(stderr, "%s\n", err.text);
	CHECK_INT(code, 0);
	return b;
}
