/* The floor of LIST: this project's own HTTP server with bytes in memory and nothing behind it.
 * static_http PORT CERT KEY FILE answers every request with the file. */
#include "common/io/http_server.h"

#include <stdio.h>

struct body {
	char *bytes;
	size_t len;
};

static void keep(void *ctx)
{
	(void)ctx; /* the bytes stay for the next one */
}

static void answer(void *ctx, struct http_exchange *x)
{
	static const struct http_header type = { "Content-Type", "application/json" };
	const struct body *b = ctx;
	http_reply(x, 200, &type, 1, b->bytes, b->len, keep, NULL);
}

static char *read_file(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "re");
	if (!f || fseek(f, 0, SEEK_END) < 0)
		exit(1);
	*ret_len = (size_t)ftell(f);
	rewind(f);
	char *text = xcalloc(*ret_len + 1, 1);
	if (fread(text, 1, *ret_len, f) != *ret_len)
		exit(1);
	(void)fclose(f);
	return text;
}

int main(int argc, char **argv)
{
	struct body b;
	struct error err;
	size_t ignored;
	if (argc != 5)
		return 2;
	auto_free char *cert = read_file(argv[2], &ignored), *key = read_file(argv[3], &ignored);
	b.bytes = read_file(argv[4], &b.len);
	struct http_server_options o = { .address = "127.0.0.1",
					 .port = (uint16_t)strtoul(argv[1], NULL, 10),
					 .cert_pem = cert,
					 .key_pem = key,
					 .handle = answer,
					 .ctx = &b };
	struct loop *loop = loop_new();
	struct http_server *s;
	if (http_server_new(loop, &o, &s, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	loop_run(loop); /* until it is killed */
	http_server_free(s);
	loop_free(loop);
	return 0;
}
