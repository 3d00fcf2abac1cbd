/* What clients and nodes may send into a translated stream. The first byte says which kind of
 * stream, and every piece is one byte that says whose it is and how long, then its bytes. */
// link: apiserver
#include "apiserver/channels.h"

#define OUT_MAX (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_STR to_client, to_node;
	str_init(&to_client, OUT_MAX);
	str_init(&to_node, OUT_MAX);
	if (size < 1)
		return 0;
	struct channels c = { .kind = data[0] % CHANNELS_KIND_COUNT,
			      .has_stdin = data[0] & 8,
			      .has_stdout = data[0] & 16,
			      .has_tty = data[0] & 32,
			      .can_close = data[0] & 64,
			      .ports = { 80, 443 },
			      .ports_count = 2 };
	channels_begin(&c, &to_client, &to_node);
	for (size_t at = 1; at < size;) {
		struct error err;
		bool is_client = data[at] & 1;
		size_t n = MIN((size_t)data[at] / 2 * 8 + 1, size - at - 1);
		/* Of exactly its size: a byte read behind it is seen. */
		auto_free char *copy = xmemdup(data + at + 1, n);
		int code = (is_client ? channels_from_client : channels_from_node)(
			&c, copy, n, &to_client, &to_node, &err);
		if (code < 0)
			assert(c.is_over);
		at += n + 1;
	}
	if (!c.is_over)
		channels_node_ended(&c, &to_client);
	assert(c.is_over && str_ok(&to_client) && str_ok(&to_node));
	channels_fini(&c);
	return 0;
}
