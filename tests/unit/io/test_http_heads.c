/*
 * For whom a request is and what it asks for: its Host, and what stands between method and version. Most
 * answers were compared with those of Go's server, which the original is.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/unit/io/http_world.h"

#define ASK(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define HOST(host)  "GET /echo HTTP/1.1\r\n" host "\r\n"
#define MISSING     "400 missing required Host header"
#define MALFORMED   "400 malformed Host header"
#define UNREADABLE  "400 the target's host cannot be read"
#define NO_PATH     "400 a request's target is a path"
#define ECHO(is)    "200 GET /echo ? " is " | - | "
#define WITH_BODY   "Content-Length: 2\r\n\r\n{}"
#define IN_CHUNKS   "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"

static const struct {
	const char *name, *bytes, *has; /* status and a piece of the body */
	bool closes;
} rows[] = {
	{ "no host", HOST(""), MISSING, true },
	{ "no host, a body", "POST /echo HTTP/1.1\r\n" WITH_BODY, MISSING, true },
	{ "no host, chunks", "POST /echo HTTP/1.1\r\n" IN_CHUNKS, MISSING, true },
	{ "no host, an upload", "POST /upload-refused HTTP/1.1\r\n" WITH_BODY, MISSING, true },
	{ "no host, to be taken over", "GET /take HTTP/1.1\r\n\r\n", MISSING, true },
	{ "no host, a later version", "GET /echo HTTP/1.2\r\n\r\n", MISSING, true },
	{ "no host is needed of old", "GET /echo HTTP/1.0\r\n\r\n", ECHO(""), true },
	{ "an empty host", HOST("Host:\r\n"), ECHO(""), false },
	{ "two hosts", HOST("Host: a\r\nHost: a\r\n"), "400 one Host is enough", true },
	{ "two hosts of old", "GET /echo HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
	  "400 one Host is enough", true },
	{ "two hosts, to be taken over", "GET /take HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
	  "400 one Host is enough", true },
	{ "one host, to be taken over", ASK("/take"), "200 taken", false },
	{ "a host of two words", HOST("Host: a b\r\n"), MALFORMED, true },
	{ "a host with a path", HOST("Host: a/b\r\n"), MALFORMED, true },
	{ "a host with a user", HOST("Host: a@b\r\n"), MALFORMED, true },
	{ "a host that is quoted", HOST("Host: \"a\"\r\n"), MALFORMED, true },
	{ "a host of other letters", HOST("Host: \xc3\xa4\r\n"), MALFORMED, true },
	{ "a host with much in it", HOST("Host: a,b;c'(x)*_~!$&+=%[]:1\r\n"), ECHO(""), false },
	{ "a whole URL", ASK("https://localhost:443/echo?a=b"), ECHO("a=b"), false },
	{ "a whole URL of plain HTTP", ASK("http://h/echo"), ECHO(""), false },
	{ "a whole URL in large letters", ASK("HTTPS://LOCALHOST/echo"), ECHO(""), false },
	{ "of another scheme", ASK("ftp://h/echo"), ECHO(""), false },
	{ "with a user", ASK("https://a:b@h/echo"), ECHO(""), false },
	{ "without a host", ASK("https:///echo"), ECHO(""), false },
	{ "with an address of IPv6", ASK("https://[::1]:80/echo?x"), ECHO("x"), false },
	{ "its path is as it was sent", ASK("https://h/echo%2f%41"), "200 GET /echo%2f%41 ? ",
	  false },
	{ "a whole URL of old", "GET https://h/echo HTTP/1.0\r\n\r\n", ECHO(""), true },
	{ "a whole URL, to be taken over", ASK("https://h/take"), "200 taken", false },
	{ "a whole URL does not spare the host", "GET https://h/echo HTTP/1.1\r\n\r\n", MISSING,
	  true },
	{ "without a path", ASK("https://h"), "404 nothing", false },
	{ "without a path, a query", ASK("https://h?/echo"), "404 nothing", false },
	{ "a port that is none", ASK("https://h:abc/echo"), UNREADABLE, true },
	{ "two ports", ASK("https://h:1:2/echo"), UNREADABLE, true },
	{ "half an address", ASK("https://[::1/echo"), UNREADABLE, true },
	{ "an address and more", ASK("https://[::1]x/echo"), UNREADABLE, true },
	{ "a host in percents", ASK("https://%68/echo"), UNREADABLE, true },
	{ "a host that is a fragment", ASK("https://h#/echo"), UNREADABLE, true },
	{ "a scheme that is none", ASK("1http://h/echo"), NO_PATH, true },
	{ "no slash", ASK("echo"), NO_PATH, true },
	{ "no slash, to be taken over", ASK("take"), NO_PATH, true },
	{ "an opaque URL", ASK("mailto:abc"), "404 nothing", false },
	{ "the server itself", ASK("*"), "404 nothing", false },
	{ "two slashes", ASK("//h/echo"), "404 nothing", false },
};

static void take(void *ctx, struct http_exchange *x)
{
	if (starts_with(x->path, "/take"))
		http_reply(x, 200, NULL, 0, "taken", 5, NULL, NULL);
	else
		handle(ctx, x);
}

static bool may_take_over(void *ctx, const char *path)
{
	(void)ctx;
	return starts_with(path, "/take");
}

static int dial(const struct http_server *server)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(http_server_port(server)),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

/* Whether it has ended, after an answer and some time more. */
static bool read_answer(int fd, char *buf, size_t size)
{
	size_t len = 0;
	for (int quiet = 0, i = 0; i < 2000 && quiet < 10; i++) {
		run_ms(1);
		ssize_t n = recv(fd, buf + len, size - 1 - len, MSG_DONTWAIT);
		if (n == 0)
			return true;
		len += n > 0 ? (size_t)n : 0;
		buf[len] = '\0';
		quiet = n < 0 && len ? quiet + 1 : 0;
	}
	return false;
}

static bool is_as_said(const char *answer, const char *has)
{
	const char *body = strstr(answer, "\r\n\r\n");
	return body && strlen(answer) > 12 && strncmp(answer + 9, has, 3) == 0 &&
	       strstr(body, has + 4);
}

int main(void)
{
	struct error err;
	struct http_server *server;
	world_init(false, NULL);
	const struct http_server_options o = { .address = "127.0.0.1",
					       .handle = take,
					       .wants_stream = wants_stream,
					       .may_take_over = may_take_over,
					       .ctx = &W };
	CHECK_INT(http_server_new(W.loop, &o, &server, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char buf[4096] = "";
		int fd = dial(server);
		size_t n = strlen(rows[i].bytes);
		CHECK_INT(send(fd, rows[i].bytes, n, MSG_NOSIGNAL), n);
		bool has_ended = read_answer(fd, buf, sizeof buf);
		if (!is_as_said(buf, rows[i].has) || (rows[i].closes && !has_ended)) {
			fprintf(stderr, "%s: got '%s'%s\n", rows[i].name, buf,
				has_ended ? "" : ", and it is open");
			return 1;
		}
		close(fd);
	}
	http_server_free(server);
	world_fini();
	puts("ok");
	return 0;
}
