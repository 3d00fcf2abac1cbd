#include "nodeagent/net/service_nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>

#define FOUND_MAX 65536

struct search {
	const struct service_flush *flushes;
	size_t flushes_count;
	struct nf_conntrack **found;
	size_t found_count;
};

static bool matches(const struct service_flush *f, uint32_t address, uint16_t port, uint32_t to)
{
	return f->port == port && (f->address == 0 || f->address == address) &&
	       (f->to_address == 0 || f->to_address == to);
}

static int on_connection(enum nf_conntrack_msg_type type, struct nf_conntrack *c, void *ctx)
{
	struct search *s = ctx;
	(void)type;
	if (nfct_get_attr_u8(c, ATTR_ORIG_L4PROTO) != IPPROTO_UDP)
		return NFCT_CB_CONTINUE;
	uint32_t address = ntohl(nfct_get_attr_u32(c, ATTR_ORIG_IPV4_DST));
	uint16_t port = ntohs(nfct_get_attr_u16(c, ATTR_ORIG_PORT_DST));
	uint32_t to = ntohl(nfct_get_attr_u32(c, ATTR_REPL_IPV4_SRC));
	for (size_t i = 0; i < s->flushes_count; i++) {
		if (!matches(&s->flushes[i], address, port, to) || s->found_count == FOUND_MAX)
			continue;
		if ((s->found_count & (s->found_count - 1)) == 0)
			s->found = xrealloc(s->found, s->found_count ? s->found_count * 2 : 1,
					    sizeof(struct nf_conntrack *));
		s->found[s->found_count++] = c;
		return NFCT_CB_STOLEN;
	}
	return NFCT_CB_CONTINUE;
}

int conntrack_flush_udp(const struct service_flush *flushes, size_t n, struct error *err)
{
	struct search s = { flushes, n, NULL, 0 };
	uint32_t family = AF_INET;
	if (n == 0)
		return 0;
	struct nfct_handle *dump = nfct_open(CONNTRACK, 0), *change = nfct_open(CONNTRACK, 0);
	int code = 0;
	if (!dump || !change || nfct_callback_register(dump, NFCT_T_ALL, on_connection, &s) < 0 ||
	    nfct_query(dump, NFCT_Q_DUMP, &family) < 0)
		code = error_set(err, ERR_UNAVAILABLE, "conntrack: %s", strerror(errno));
	for (size_t i = 0; i < s.found_count; i++) {
		if (code == 0 && nfct_query(change, NFCT_Q_DESTROY, s.found[i]) < 0 &&
		    errno != ENOENT)
			code = error_set(err, ERR_UNAVAILABLE, "conntrack: %s", strerror(errno));
		nfct_destroy(s.found[i]);
	}
	free(s.found);
	if (dump)
		nfct_close(dump);
	if (change)
		nfct_close(change);
	return code;
}
