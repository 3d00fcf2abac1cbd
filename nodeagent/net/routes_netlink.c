#include "nodeagent/net/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#define PROTOCOL   83 /* free in /etc/iproute2/rt_protos */
#define ROUTES_MAX 10000
#define BUFFER     32768

struct found {
	struct route at[ROUTES_MAX];
	size_t count;
};

static uint32_t attr_address(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) == 4 ? ntohl(mnl_attr_get_u32(attr)) : 0;
}

static int on_route(const struct nlmsghdr *header, void *ctx)
{
	struct found *found = ctx;
	const struct rtmsg *m = mnl_nlmsg_get_payload(header);
	const struct nlattr *attr;
	struct route r = { .bits = m->rtm_dst_len };
	if (m->rtm_protocol != PROTOCOL || m->rtm_family != AF_INET ||
	    m->rtm_table != RT_TABLE_MAIN || found->count == ROUTES_MAX)
		return MNL_CB_OK;
	const char *end = mnl_nlmsg_get_payload_tail(header);
	for (attr = mnl_nlmsg_get_payload_offset(header, sizeof(*m));
	     mnl_attr_ok(attr, (int)(end - (const char *)attr)); attr = mnl_attr_next(attr)) {
		if (mnl_attr_get_type(attr) == RTA_DST)
			r.network = attr_address(attr);
		if (mnl_attr_get_type(attr) == RTA_GATEWAY)
			r.via = attr_address(attr);
	}
	found->at[found->count++] = r;
	return MNL_CB_OK;
}

static struct rtmsg *begin(char *buf, uint16_t type, uint16_t flags, unsigned seq)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = seq;
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	m->rtm_family = AF_INET;
	return m;
}

/* Sends what buf holds and reads until it is answered; false: errno says why. */
static bool talk(struct mnl_socket *s, char *buf, mnl_cb_t callback, void *ctx)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)(void *)buf;
	unsigned seq = h->nlmsg_seq;
	if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		return false;
	for (int more = MNL_CB_OK; more > MNL_CB_STOP;) {
		ssize_t n = mnl_socket_recvfrom(s, buf, BUFFER);
		if (n < 0)
			return false;
		more = mnl_cb_run(buf, (size_t)n, seq, mnl_socket_get_portid(s), callback, ctx);
		if (more < 0)
			return false;
	}
	return true;
}

static bool change(struct mnl_socket *s, char *buf, const struct route *r, bool is_add,
		   unsigned seq)
{
	struct rtmsg *m =
		begin(buf, is_add ? RTM_NEWROUTE : RTM_DELROUTE,
		      (uint16_t)(NLM_F_ACK | (is_add ? NLM_F_CREATE | NLM_F_REPLACE : 0)), seq);
	m->rtm_dst_len = r->bits;
	m->rtm_protocol = PROTOCOL;
	m->rtm_table = RT_TABLE_MAIN;
	m->rtm_scope = is_add ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE;
	m->rtm_type = RTN_UNICAST;
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)buf;
	mnl_attr_put_u32(h, RTA_DST, htonl(r->network));
	mnl_attr_put_u32(h, RTA_GATEWAY, htonl(r->via));
	return talk(s, buf, NULL, NULL);
}

static bool holds(const struct route *at, size_t n, const struct route *r)
{
	for (size_t i = 0; i < n; i++)
		if (at[i].network == r->network && at[i].bits == r->bits && at[i].via == r->via)
			return true;
	return false;
}

static int apply(struct mnl_socket *s, char *buf, struct found *found, const struct route *wanted,
		 size_t n, struct error *err)
{
	unsigned seq = 1;
	struct rtmsg *m = begin(buf, RTM_GETROUTE, NLM_F_DUMP, seq++);
	int code = 0;
	m->rtm_table = RT_TABLE_MAIN;
	if (!talk(s, buf, on_route, found))
		return error_set(err, ERR_UNAVAILABLE, "routes cannot be read: %s",
				 strerror(errno));
	for (size_t i = 0; i < found->count; i++)
		if (!holds(wanted, n, &found->at[i]))
			(void)change(s, buf, &found->at[i], false, seq++); /* gone is as good */
	for (size_t i = 0; i < n; i++) {
		struct in_addr via = { htonl(wanted[i].via) };
		char text[INET_ADDRSTRLEN];
		if (holds(found->at, found->count, &wanted[i]) ||
		    change(s, buf, &wanted[i], true, seq++))
			continue;
		code = error_set(err, ERR_UNAVAILABLE, "no route by %s: %s",
				 inet_ntop(AF_INET, &via, text, sizeof(text)), strerror(errno));
	}
	return code;
}

int routes_apply(const struct route *wanted, size_t n, struct error *err)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!s || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		int code = error_set(err, ERR_UNAVAILABLE, "netlink: %s", strerror(errno));
		if (s)
			mnl_socket_close(s);
		return code;
	}
	auto_free char *buf = xcalloc(1, BUFFER);
	auto_free struct found *found = xcalloc(1, sizeof(*found));
	int code = apply(s, buf, found, wanted, n, err);
	mnl_socket_close(s);
	return code;
}
