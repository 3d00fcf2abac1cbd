/* The floor of reads: libmicrohttpd with its own TLS and nothing behind it. Answers each GET with
 * the same 1 KB. static_mhd PORT CERT KEY */
#include "common/base/base.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>

static char body[1024];

static enum MHD_Result answer(void *ctx, struct MHD_Connection *c, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *data_size, void **state)
{
	static int seen;
	(void)ctx, (void)url, (void)method, (void)version, (void)data, (void)data_size;
	if (!*state) { /* answered before the request was read whole, the connection would close */
		*state = &seen;
		return MHD_YES;
	}
	struct MHD_Response *r =
		MHD_create_response_from_buffer(sizeof body, body, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result = MHD_queue_response(c, 200, r);
	MHD_destroy_response(r);
	return result;
}

static char *read_file(const char *path)
{
	char *text = xcalloc(65536, 1);
	FILE *f = fopen(path, "re");
	if (!f || fread(text, 1, 65535, f) == 0)
		exit(1);
	(void)fclose(f);
	return text;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	memset(body, 'x', sizeof body);
	auto_free char *cert = read_file(argv[2]), *key = read_file(argv[3]);
	struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS,
						(uint16_t)strtoul(argv[1], NULL, 10), NULL, NULL,
						answer, NULL, MHD_OPTION_HTTPS_MEM_CERT, cert,
						MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_END);
	if (!d)
		return 1;
	sigset_t wanted;
	int got;
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGTERM);
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	sigwait(&wanted, &got);
	MHD_stop_daemon(d);
	return 0;
}
