/* exec: a command in a running container, with our terminal if asked. */
#include "cli/command.h"
#include "cli/pods.h"
#include "cli/progress.h"
#include "cli/request.h"
#include "cli/ws.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>

#define PROTOCOLS   "v5.channel.k8s.io, v4.channel.k8s.io"
#define PIECE_BYTES (32u << 10)

enum channel { STDIN = 0, STDOUT = 1, STDERR = 2, STATUS = 3, RESIZE = 4, CLOSE = 255 };

extern const struct command command_exec;

struct exec {
	struct ws *ws;
	bool with_stdin, with_tty;
	bool has_ended;
	json_t *status; /* what the server said at the end */
};

/* A changed window writes a byte into this pipe, so that poll() sees it. */
static int window_pipe[2] = { -1, -1 };

static void window_changed(int signum)
{
	int saved = errno;
	(void)signum;
	if (write(window_pipe[1], "w", 1) < 0)
		errno = 0; /* the pipe is full: it will be seen anyway */
	errno = saved;
}

static void send_size(struct exec *x)
{
	size_t columns, rows;
	if (!terminal_size(STDOUT_FILENO, &columns, &rows))
		return;
	auto_free char *text = xasprintf("{\"Width\":%zu,\"Height\":%zu}", columns, rows);
	(void)ws_send(x->ws, RESIZE, text, strlen(text)); /* a break shows when reading */
}

static void on_message(void *ctx, uint8_t channel, const char *bytes, size_t n)
{
	struct exec *x = ctx;
	struct error ignored;
	FILE *to = channel == STDOUT ? stdout : channel == STDERR ? stderr : NULL;
	if (to) {
		fwrite(bytes, 1, n, to);
		fflush(to);
	} else if (channel == STATUS) {
		json_decref(x->status);
		x->status = NULL;
		if (json_parse(bytes, n, &x->status, &ignored) < 0)
			x->status = NULL;
		x->has_ended = true;
	}
}

/* Ours has ended: say so where the protocol has a word for it. v4 has none. */
static void stdin_ended(struct exec *x)
{
	static const uint8_t channel = STDIN;
	x->with_stdin = false;
	if (starts_with(ws_protocol(x->ws), "v5"))
		(void)ws_send(x->ws, CLOSE, &channel, 1); /* a break shows when reading */
	else
		fputs("skiff exec: the container's standard input stays open: this server's "
		      "protocol cannot close it. Interrupt with Ctrl-C when all is read\n",
		      stderr);
}

static int pump(struct exec *x)
{
	char buf[PIECE_BYTES];
	int state = 1;
	while (state > 0) {
		struct pollfd p[3] = { { .fd = ws_fd(x->ws), .events = POLLIN },
				       { .fd = x->with_stdin ? STDIN_FILENO : -1,
					 .events = POLLIN },
				       { .fd = window_pipe[0], .events = POLLIN } };
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return -1;
		if (p[1].revents) {
			ssize_t n = read(STDIN_FILENO, buf, sizeof buf);
			if (n > 0 && ws_send(x->ws, STDIN, buf, (size_t)n) < 0)
				return -1;
			if (n <= 0)
				stdin_ended(x);
		}
		if (p[2].revents && read(window_pipe[0], buf, sizeof buf) > 0)
			send_size(x);
		if (p[0].revents)
			do
				state = ws_receive(x->ws, on_message, x);
			while (state > 0 && ws_has_pending(x->ws) && !x->has_ended);
		if (x->has_ended)
			return 0;
	}
	return state;
}

/* 0 where it succeeded, the command's own code where it has one, else ours. */
static int exit_code_of(const json_t *status)
{
	if (streq(json_str_or(status, "status", ""), "Success"))
		return EXIT_DONE;
	const json_t *causes = json_dig(status, "details.causes");
	for (size_t i = 0; i < json_array_size(causes); i++) {
		const json_t *c = json_array_get(causes, i);
		if (streq(json_str_or(c, "reason", ""), "ExitCode"))
			return (int)strtol(json_str_or(c, "message", "1"), NULL, 10);
	}
	fprintf(stderr, "error: %s\n", json_str_or(status, "message", "the connection broke"));
	return EXIT_FAILED;
}

static int run_with_terminal(struct exec *x)
{
	struct termios before, raw;
	bool is_raw = x->with_tty && tcgetattr(STDIN_FILENO, &before) == 0;
	if (is_raw) {
		raw = before;
		cfmakeraw(&raw);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw); /* else it stays line by line */
		if (pipe2(window_pipe, O_CLOEXEC | O_NONBLOCK) == 0) {
			struct sigaction action = { .sa_handler = window_changed };
			(void)sigaction(SIGWINCH, &action, NULL); /* else no resizing */
		}
		send_size(x);
	}
	int state = pump(x);
	if (is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before); /* all that can be done */
	if (state < 0 && !x->has_ended)
		fputs("error: the connection to the server broke\n", stderr);
	return x->status ? exit_code_of(x->status) : EXIT_FAILED;
}

static char *target_of(const json_t *pod, const char *container, const struct exec *x,
		       const struct arguments *a)
{
	AUTO_STR t;
	str_init(&t, 64u << 10);
	str_add(&t, "/api/v1/namespaces/");
	str_add_urlencoded(&t, json_str_or(pod, "metadata.namespace", ""));
	str_add(&t, "/pods/");
	str_add_urlencoded(&t, json_str_or(pod, "metadata.name", ""));
	str_add(&t, "/exec?container=");
	str_add_urlencoded(&t, container ? container : default_container(pod));
	str_addf(&t, "&stdout=true%s%s%s", x->with_stdin ? "&stdin=true" : "",
		 x->with_tty ? "&tty=true" : "", x->with_tty ? "" : "&stderr=true");
	for (size_t i = 0; i < a->rest_count; i++) {
		str_add(&t, "&command=");
		str_add_urlencoded(&t, a->rest[i]);
	}
	return str_take(&t);
}

static int run(int argc, char **argv)
{
	struct exec x = { 0 };
	const char *container = NULL;
	const struct option table[] = {
		{ .name = "stdin", .letter = 'i', .flag = &x.with_stdin },
		{ .name = "tty", .letter = 't', .flag = &x.with_tty },
		{ .name = "container", .letter = 'c', .text = &container },
	};
	struct arguments a = { .words_max = 1 };
	struct error err;
	AUTO_SESSION s = { 0 };
	AUTO_JSON *pod = NULL;
	int code = command_parse(command_exec.usage, argc, argv, table, ARRAY_LEN(table), &a);
	if (code == 0 && (a.words.count != 1 || a.rest_count == 0)) {
		fprintf(stderr, "error: which command in which pod?\n  usage: skiff %s\n",
			command_exec.usage);
		code = EXIT_REFUSED;
	}
	if (code == 0)
		code = command_open(&a, &s);
	if (code == 0)
		code = pod_of_words(&s, &a.words, command_namespace(&a, &s), &pod);
	if (code)
		return code;
	if (x.with_tty && !isatty(STDIN_FILENO)) {
		fputs("error: -t needs a terminal as standard input; leave it out\n", stderr);
		return EXIT_REFUSED;
	}
	auto_free char *target = target_of(pod, container, &x, &a);
	if (ws_open(&s, target, PROTOCOLS, &x.ws, &err) < 0)
		return error_explain(&err);
	code = run_with_terminal(&x);
	ws_free(x.ws);
	json_decref(x.status);
	return code;
}

const struct command command_exec = {
	.name = "exec",
	.usage = "exec POD | TYPE/NAME [-it] [-c CONTAINER] -- COMMAND [ARGUMENT…]",
	.summary = "run a command in a container",
	.help = "  -i, --stdin            it reads our standard input\n"
		"  -t, --tty              it gets a terminal (with -i: a shell to type in)\n"
		"  -c, --container NAME   of a pod with several\n"
		"\nThe exit code is the command's.\n",
	.run = run,
};
