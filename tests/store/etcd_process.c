#include "tests/store/etcd_process.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "apiserver/store_etcd.h"
#include "common/io/tls.h"
#include "tests/support/check.h"

#define PORT "2379" /* only a suffix of the socket's name */

struct etcd_process {
	char dir[64];
	char socket[128]; /* or the port of 127.0.0.1, with TLS and client certificates */
	uint16_t port;
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
	auto_free char *url = xasprintf("https://127.0.0.1:%u", e->port);
	auto_free char *listen = xasprintf("--listen-client-urls=%s", url);
	auto_free char *advertise = xasprintf("--advertise-client-urls=%s", url);
	if (e->port > 0)
		execl(program, "etcd", "--data-dir=data", listen, advertise,
		      "--cert-file=server.crt", "--key-file=server.key", "--client-cert-auth",
		      "--trusted-ca-file=ca.crt", "--listen-peer-urls=unix://p:2380",
		      "--log-level=error", "--logger=zap", "--max-request-bytes=8388608",
		      (char *)NULL);
	execl(program, "etcd", "--data-dir=data", "--listen-client-urls=unix://c:" PORT,
	      "--advertise-client-urls=http://localhost:" PORT, "--listen-peer-urls=unix://p:2380",
	      "--log-level=error", "--logger=zap", "--max-request-bytes=8388608", (char *)NULL);
	_exit(127);
}

static bool accepts(const struct etcd_process *e)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in port = { .sin_family = AF_INET,
				    .sin_port = htons(e->port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	CHECK(snprintf(local.sun_path, sizeof local.sun_path, "%s", e->socket) > 0);
	int family = e->port ? AF_INET : AF_UNIX;
	auto_close int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (e->port)
		return connect(fd, (struct sockaddr *)&port, sizeof port) == 0;
	return connect(fd, (struct sockaddr *)&local, sizeof local) == 0;
}

/* ---- certificates ---- */

static void write_text(const struct etcd_process *e, const char *name, const char *text)
{
	auto_free char *path = xasprintf("%s/%s", e->dir, name);
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void make_certificates(const struct etcd_process *e)
{
	AUTO_TLS_PAIR ca = { 0 }, server = { 0 }, client = { 0 };
	struct error err;
	int64_t now_s = time(NULL);
	const char *ips[] = { "127.0.0.1", NULL };
	struct tls_cert_request r = { .common_name = "etcd",
				      .ips = ips,
				      .is_server = true,
				      .is_client = true, /* its gateway asks itself */
				      .now_s = now_s,
				      .days = 1 };
	CHECK_INT(tls_ca_new("etcd-ca", now_s, 1, &ca, &err), 0);
	CHECK_INT(tls_cert_issue(&ca, &r, &server, &err), 0);
	r = (struct tls_cert_request){
		.common_name = "skiff", .is_client = true, .now_s = now_s, .days = 1
	};
	CHECK_INT(tls_cert_issue(&ca, &r, &client, &err), 0);
	write_text(e, "ca.crt", ca.cert_pem);
	write_text(e, "server.crt", server.cert_pem);
	write_text(e, "server.key", server.key_pem);
	write_text(e, "client.crt", client.cert_pem);
	write_text(e, "client.key", client.key_pem);
}

/* Free now; etcd would fail loudly if somebody took it meanwhile. */
static uint16_t free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(bind(fd, (struct sockaddr *)&at, len), 0);
	CHECK_INT(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
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

struct etcd_process *etcd_process_start(bool is_tls)
{
	struct etcd_process *e = xcalloc(1, sizeof *e);
	CHECK(snprintf(e->dir, sizeof e->dir, "/tmp/skiff-etcd-XXXXXX") > 0);
	CHECK(mkdtemp(e->dir));
	CHECK(snprintf(e->socket, sizeof e->socket, "%s/c:" PORT, e->dir) > 0);
	if (is_tls) {
		make_certificates(e);
		e->port = free_port();
	}
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

struct store_backend *etcd_process_backend(struct etcd_process *e, struct loop *loop, bool is_grpc)
{
	auto_free char *ca = xasprintf("%s/ca.crt", e->dir);
	auto_free char *cert = xasprintf("%s/client.crt", e->dir);
	auto_free char *key = xasprintf("%s/client.key", e->dir);
	/* Where nobody listens stands first: the other is found. JSON takes one only. */
	auto_free char *endpoint =
		e->port ? xasprintf("%shttps://127.0.0.1:%u", is_grpc ? "https://127.0.0.1:1," : "",
				    e->port)
			: xasprintf("unix://%s", e->socket);
	struct store_etcd_options options = { .endpoint = endpoint,
					      .ca_file = e->port ? ca : NULL,
					      .cert_file = e->port ? cert : NULL,
					      .key_file = e->port ? key : NULL };
	struct store_backend *b = NULL;
	struct error err;
	int code = is_grpc ? store_etcd_grpc_new(loop, &options, &b, &err)
			   : store_etcd_json_new(loop, &options, &b, &err);
	if (code < 0)
		fprintf(stderr, "%s\n", err.text);
	CHECK_INT(code, 0);
	return b;
}
