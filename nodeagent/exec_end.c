#include "nodeagent/exec_end.h"

#include <linux/sockios.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EXECS_MAX   16
#define WINDOW_MS   5000 /* an exec added later than so after the first is not ours */
#define TICK_MS     100
#define SILENCE_MS  1000
#define STATUS_MAX  1024
#define DRAIN_MS    2000
#define DRAIN_PIECE (64u << 10)
#define DRAIN_MAX   ((size_t)1 << 30)
#define SPDY_FIN    1
#define SPDY_ERROR  1 /* clients open the error stream first: their first odd number */
#define WS_ERROR    3 /* its channel */

struct exec_end {
	struct port *port;
	struct exec_end *next;
	char *container;
	bool is_spdy;
	char *execs[EXECS_MAX];
	size_t count, ended;
	bool is_over[EXECS_MAX];
	int64_t first_ms;
	int code;
	bool is_code_known, is_full;
	struct loop_timer *tick;
	int64_t silent_ms;
	int stop_fd;
	atomic_int runtime_fd, client_fd;
	atomic_bool is_stopped;
};

struct exec_end *exec_end_new(struct port *p, const char *container, bool is_spdy)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return NULL; /* such a session may hang, as it would without us */
	struct exec_end *e = xcalloc(1, sizeof(*e));
	e->port = p;
	e->container = xstrdup(container);
	e->is_spdy = is_spdy;
	e->stop_fd = fd;
	e->runtime_fd = e->client_fd = -1;
	e->next = p->exec_ends;
	p->exec_ends = e;
	return e;
}

void exec_end_free(struct exec_end *e)
{
	if (!e)
		return;
	for (struct exec_end **link = &e->port->exec_ends; *link; link = &(*link)->next) {
		if (*link != e)
			continue;
		*link = e->next;
		break;
	}
	for (size_t i = 0; i < e->count; i++)
		free(e->execs[i]);
	loop_timer_free(e->tick);
	close(e->stop_fd);
	free(e->container);
	free(e);
}

void exec_end_opened(struct exec_end *e, int runtime_fd, int client_fd)
{
	atomic_store(&e->runtime_fd, runtime_fd);
	atomic_store(&e->client_fd, client_fd);
}

int exec_end_fd(const struct exec_end *e)
{
	return e->stop_fd;
}

/* ---- what the client is told ---- */

void exec_status_frame(bool is_spdy, int code, bool is_code_known, struct str *out)
{
	char text[STATUS_MAX];
	int n;
	if (!is_code_known)
		n = snprintf(text, sizeof(text),
			     "{\"metadata\":{},\"status\":\"Failure\",\"reason\":\"InternalError\","
			     "\"message\":\"the process ended, its exit code is not known\"}");
	else if (code == 0)
		n = snprintf(text, sizeof(text), "{\"metadata\":{},\"status\":\"Success\"}");
	else
		n = snprintf(text, sizeof(text),
			     "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command "
			     "terminated with non-zero exit code: exit status %d\",\"reason\":"
			     "\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":"
			     "\"ExitCode\",\"message\":\"%d\"}]}}",
			     code, code);
	size_t len = (size_t)n;
	assert(n > 0 && len < sizeof(text));
	const unsigned char spdy[] = {
		0, 0, 0, SPDY_ERROR, SPDY_FIN, 0, (uint8_t)(len >> 8), (uint8_t)len
	};
	const unsigned char ws[] = { 0x82, 126, (uint8_t)((len + 1) >> 8), (uint8_t)(len + 1),
				     WS_ERROR };
	const unsigned char ws_short[] = { 0x82, (uint8_t)(len + 1), WS_ERROR };
	const unsigned char ws_close[] = { 0x88, 2, 0x03, 0xe8 };
	if (is_spdy)
		str_add_bytes(out, (const char *)spdy, sizeof(spdy));
	else if (len + 1 < 126)
		str_add_bytes(out, (const char *)ws_short, sizeof(ws_short));
	else
		str_add_bytes(out, (const char *)ws, sizeof(ws));
	str_add_bytes(out, text, len);
	if (!is_spdy)
		str_add_bytes(out, (const char *)ws_close, sizeof(ws_close));
}

/* Closed with bytes unread, the connection would be reset and the status lost: what the client
 * still sends is read away until it has understood and closes. */
static void drain(struct http_duplex *d)
{
	auto_free char *buf = xcalloc(1, DRAIN_PIECE);
	struct pollfd fd = { http_duplex_fd(d), POLLIN, 0 };
	for (size_t left = DRAIN_MAX; left > 0;) {
		if (!http_duplex_has_pending(d) && poll(&fd, 1, DRAIN_MS) <= 0)
			return;
		ssize_t n = http_duplex_read(d, buf, DRAIN_PIECE);
		if (n <= 0)
			return;
		left -= MIN(left, (size_t)n);
	}
}

void exec_end_tell(struct exec_end *e, struct http_duplex *d)
{
	AUTO_STR frame;
	str_init(&frame, 2 * STATUS_MAX);
	if (!atomic_load(&e->is_stopped))
		return;
	exec_status_frame(e->is_spdy, e->code, e->is_code_known, &frame);
	if (http_duplex_write(d, frame.data, frame.len) == 0)
		drain(d);
}

/* ---- from the events to the stop ---- */

static int waiting_bytes(int fd, unsigned long what)
{
	int n = 0;
	return fd >= 0 && ioctl(fd, what, &n) == 0 ? n : 0;
}

static void on_tick(void *ctx)
{
	struct exec_end *e = ctx;
	uint64_t one = 1;
	int from = atomic_load(&e->runtime_fd), to = atomic_load(&e->client_fd);
	bool is_silent =
		from >= 0 && waiting_bytes(from, FIONREAD) == 0 && waiting_bytes(to, SIOCOUTQ) == 0;
	e->silent_ms = is_silent ? e->silent_ms + TICK_MS : 0;
	if (e->ended < e->count) { /* one more was added meanwhile */
		e->silent_ms = 0;
		return;
	}
	if (e->silent_ms < SILENCE_MS) {
		loop_timer_set(e->tick, TICK_MS);
		return;
	}
	atomic_store(&e->is_stopped, true);
	(void)!write(e->stop_fd, &one, sizeof(one)); /* cannot fail: it is the first */
}

static void added(struct exec_end *e, const char *exec)
{
	int64_t now_ms = loop_now_ms(e->port->loop);
	if (e->count == 0)
		e->first_ms = now_ms;
	if (now_ms > e->first_ms + WINDOW_MS)
		return;
	if (e->count == EXECS_MAX) {
		e->is_full = true; /* one of them might be ours: then nobody ends it */
		return;
	}
	e->execs[e->count++] = xstrdup(exec);
}

static void ended(struct exec_end *e, const char *exec, int code)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->is_over[i] || !streq(e->execs[i], exec))
			continue;
		e->is_over[i] = true;
		e->is_code_known = e->ended == 0 || (e->is_code_known && e->code == code);
		e->code = code;
		e->ended++;
		if (e->ended < e->count || e->is_full)
			return;
		if (!e->tick)
			e->tick = loop_timer_new(e->port->loop, on_tick, e);
		loop_timer_set(e->tick, TICK_MS);
		return;
	}
}

void exec_end_event(void *port, bool is_end, const char *container, const char *exec, int code)
{
	struct port *p = port;
	for (struct exec_end *e = p->exec_ends; e; e = e->next) {
		if (!streq(e->container, container))
			continue;
		if (is_end)
			ended(e, exec, code);
		else
			added(e, exec);
	}
}
