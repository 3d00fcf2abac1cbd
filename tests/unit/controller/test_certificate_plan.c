/* What becomes of a signing request: a table of requests, and what is planned as text. */
#include "common/base/str.h"
#include "common/base/time_text.h"
#include "controller/certificate_plan.h"
#include "tests/support/check.h"

#define K       "kubernetes.io/"
#define CLIENT  K "kube-apiserver-client"
#define KUBELET K "kube-apiserver-client-kubelet"
#define SERVING K "kubelet-serving"
#define NODE    "system:node:n"

#define APPROVED(at) "{'type':'Approved','status':'True','lastUpdateTime':'" at "'}"
#define DENIED(at)   "{'type':'Denied','status':'True','lastUpdateTime':'" at "'}"
#define FAILED(at)   "{'type':'Failed','status':'True','lastUpdateTime':'" at "'}"
#define NOW          "2027-01-02T12:00:00Z"
#define HALF_HOUR    "2027-01-02T11:30:00Z"
#define TWO_HOURS    "2027-01-02T10:00:00Z"
#define DAY          "2027-01-01T11:59:59Z"
#define ISSUED       "'certificate':'eA==',"
#define NODE_CLIENT  "'digital signature','key encipherment','client auth'"
#define NODE_SERVER  "'digital signature','server auth'"

/* The subject is "CN/O,O"; names are counts of DNS, mail, address, URI. */
static const struct {
	const char *name, *signer, *more, *usages, *subject, *names, *status, *created, *plan;
} rows[] = {
	/* approving */
	{ "a node for itself", KUBELET, "'username':'" NODE "'", NODE_CLIENT, NODE "/system:nodes",
	  "0000", "", NOW, "ask self node, wake 86400001" },
	{ "a node for another", KUBELET, "'username':'bootstrap'", NODE_CLIENT,
	  NODE "/system:nodes", "0000", "", NOW, "ask node, wake 86400001" },
	{ "without encipherment", KUBELET, "'username':'x'", "'client auth','digital signature'",
	  NODE "/system:nodes", "0000", "", NOW, "ask node, wake 86400001" },
	{ "another group", KUBELET, "'username':'x'", NODE_CLIENT, NODE "/system:masters", "0000",
	  "", NOW, "wait, wake 86400001" },
	{ "two groups", KUBELET, "'username':'x'", NODE_CLIENT, NODE "/system:nodes,a", "0000", "",
	  NOW, "wait, wake 86400001" },
	{ "no node", KUBELET, "'username':'x'", NODE_CLIENT, "n/system:nodes", "0000", "", NOW,
	  "wait, wake 86400001" },
	{ "with names", KUBELET, "'username':'x'", NODE_CLIENT, NODE "/system:nodes", "1000", "",
	  NOW, "wait, wake 86400001" },
	{ "other usages", KUBELET, "'username':'x'", NODE_CLIENT ",'server auth'",
	  NODE "/system:nodes", "0000", "", NOW, "wait, wake 86400001" },
	{ "people are asked of the others", SERVING, "'username':'" NODE "'", NODE_SERVER,
	  NODE "/system:nodes", "1000", "", NOW, "wait, wake 86400001" },
	{ "and of these", CLIENT, "'username':'a'", "'client auth'", "a/", "0000", "", NOW,
	  "wait, wake 86400001" },
	{ "denied", KUBELET, "'username':'" NODE "'", NODE_CLIENT, NODE "/system:nodes", "0000",
	  DENIED(HALF_HOUR), NOW, "wait, wake 1800001" },
	{ "not ours", "example.com/s", "'username':'a'", "'client auth'", "a/", "0000",
	  APPROVED(NOW), NOW, "wait, wake 86400001" },

	/* signing; the CA's own limit is a year */
	{ "a client", CLIENT, "", "'client auth'", "a/b,c", "1111", APPROVED(NOW), NOW,
	  "sign -300 31535700, wake 86400001" },
	{ "for a while", CLIENT, "'expirationSeconds':7200", "'client auth','digital signature'",
	  "a/", "0000", APPROVED(NOW), NOW, "sign -300 7200, wake 86400001" },
	{ "for eight hours", CLIENT, "'expirationSeconds':28800", "'client auth'", "a/", "0000",
	  APPROVED(NOW), NOW, "sign -300 28500, wake 86400001" },
	{ "not for ten years", CLIENT, "'expirationSeconds':315360000", "'client auth'", "a/",
	  "0000", APPROVED(NOW), NOW, "sign -300 31535700, wake 86400001" },
	{ "ten minutes at least", CLIENT, "'expirationSeconds':60", "'client auth'", "a/", "0000",
	  APPROVED(NOW), NOW, "sign -300 600, wake 86400001" },
	{ "a client that serves", CLIENT, "", "'client auth','server auth'", "a/", "0000",
	  APPROVED(NOW), NOW,
	  "fail invalid usage for client certificate: server auth, wake 86400001" },
	{ "a client that is none", CLIENT, "", "'digital signature'", "a/", "0000", APPROVED(NOW),
	  NOW, "fail missing required usage for client certificate: client auth, wake 86400001" },
	{ "a node", KUBELET, "", NODE_CLIENT, NODE "/system:nodes", "0000", APPROVED(NOW), NOW,
	  "sign -300 31535700, wake 86400001" },
	{ "a node's group", KUBELET, "", NODE_CLIENT, NODE "/x", "0000", APPROVED(NOW), NOW,
	  "fail subject organization is not system:nodes, wake 86400001" },
	{ "a node's names", KUBELET, "", NODE_CLIENT, NODE "/system:nodes", "1000", APPROVED(NOW),
	  NOW, "fail DNS subjectAltNames are not allowed, wake 86400001" },
	{ "mail", KUBELET, "", NODE_CLIENT, NODE "/system:nodes", "0100", APPROVED(NOW), NOW,
	  "fail Email subjectAltNames are not allowed, wake 86400001" },
	{ "address", KUBELET, "", NODE_CLIENT, NODE "/system:nodes", "0010", APPROVED(NOW), NOW,
	  "fail IP subjectAltNames are not allowed, wake 86400001" },
	{ "URI", KUBELET, "", NODE_CLIENT, NODE "/system:nodes", "0001", APPROVED(NOW), NOW,
	  "fail URI subjectAltNames are not allowed, wake 86400001" },
	{ "a node's name", KUBELET, "", NODE_CLIENT, "n/system:nodes", "0000", APPROVED(NOW), NOW,
	  "fail subject common name does not begin with system:node:, wake 86400001" },
	{ "a node's usages", KUBELET, "", "'client auth'", NODE "/system:nodes", "0000",
	  APPROVED(NOW), NOW,
	  "fail usages did not match [client auth digital signature key encipherment], wake 86400001" },
	{ "a serving node", SERVING, "", NODE_SERVER ",'key encipherment'", NODE "/system:nodes",
	  "1010", APPROVED(NOW), NOW, "sign -300 31535700, wake 86400001" },
	{ "without a name", SERVING, "", NODE_SERVER, NODE "/system:nodes", "0000", APPROVED(NOW),
	  NOW, "fail DNS or IP subjectAltName is required, wake 86400001" },
	{ "serving, but not so", SERVING, "", NODE_CLIENT, NODE "/system:nodes", "1000",
	  APPROVED(NOW), NOW,
	  "fail usages did not match [digital signature key encipherment server auth], wake 86400001" },
	{ "failed before", CLIENT, "", "'client auth'", "a/", "0000",
	  APPROVED(HALF_HOUR) "," FAILED(HALF_HOUR), NOW, "wait, wake 1800001" },
	{ "not readable", CLIENT, "", "'client auth'", NULL, "0000", APPROVED(NOW), NOW,
	  "wait, wake 86400001" },

	/* what is old */
	{ "nobody cared", CLIENT, "", "'client auth'", "a/", "0000", "", DAY,
	  "delete it was not decided within a day" },
	{ "denied", CLIENT, "", "'client auth'", "a/", "0000", DENIED(TWO_HOURS), DAY,
	  "delete it was denied an hour ago" },
	{ "failed", CLIENT, "", "'client auth'", "a/", "0000",
	  APPROVED(TWO_HOURS) "," FAILED(TWO_HOURS), DAY, "delete it failed an hour ago" },
	{ "nobody signed", "example.com/s", "", "'client auth'", "a/", "0000", APPROVED(DAY), DAY,
	  "delete nobody signed it within a day" },
	{ "issued", CLIENT, "", "'client auth'", "a/", "0000", "!" APPROVED(TWO_HOURS), DAY,
	  "delete it was issued an hour ago" },
	{ "issued just now", CLIENT, "", "'client auth'", "a/", "0000", "!" APPROVED(HALF_HOUR),
	  DAY, "wait, wake 1800001" },
	{ "ended before", CLIENT, "", "'client auth'", "a/", "0000", "?" APPROVED(HALF_HOUR), DAY,
	  "delete its certificate has ended" },
};

static json_t *parse(char *text)
{
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	json_t *tree = json_loads(text, 0, NULL);
	if (!tree)
		fprintf(stderr, "no JSON: %s\n", text);
	CHECK(tree);
	free(text);
	return tree;
}

static json_t *request_of(size_t i)
{
	const char *status = rows[i].status;
	bool is_issued = *status == '!' || *status == '?';
	return parse(xasprintf(
		"{'metadata':{'creationTimestamp':'%s'},'spec':{'signerName':'%s','usages':[%s]%s%s},"
		"'status':{%s'conditions':[%s]}}",
		rows[i].created, rows[i].signer, rows[i].usages, *rows[i].more ? "," : "",
		rows[i].more, is_issued ? ISSUED : "", status + is_issued));
}

static void show(const struct certificate_plan *p, int64_t now_s, struct str *out)
{
	switch (p->action) {
	case CERTIFICATE_WAIT:
		str_add(out, "wait");
		break;
	case CERTIFICATE_ASK:
		str_addf(out, "ask%s%s", p->asks_self ? " self" : "", p->asks_node ? " node" : "");
		break;
	case CERTIFICATE_SIGN:
		str_addf(out, "sign %lld %lld", (long long)(p->from_s - now_s),
			 (long long)(p->to_s - now_s));
		break;
	case CERTIFICATE_FAIL:
		str_addf(out, "fail %s", p->why);
		break;
	case CERTIFICATE_DELETE:
		str_addf(out, "delete %s", p->why);
		return;
	}
	str_addf(out, ", wake %lld", (long long)p->wake_ms);
}

/* "CN/O,O" into its parts, which live in `text`. */
static void read_subject(char *text, const char *orgs[8], struct certificate_request *r)
{
	char *rest = strchr(text, '/');
	CHECK(rest);
	*rest++ = '\0';
	r->common_name = text;
	r->orgs = orgs;
	for (char *org; *rest && (org = strsep(&rest, ","));) {
		orgs[r->orgs_count++] = org;
		if (!rest)
			break;
	}
}

static void run(size_t i, bool is_signer, const char *wanted)
{
	const char *orgs[8] = { NULL };
	int64_t now_us;
	CHECK(time_parse(NOW, &now_us));
	AUTO_JSON *csr = request_of(i);
	auto_free char *subject = rows[i].subject ? xstrdup(rows[i].subject) : NULL;
	struct certificate_request r = { .dns_count = (size_t)(rows[i].names[0] - '0'),
					 .emails_count = (size_t)(rows[i].names[1] - '0'),
					 .ips_count = (size_t)(rows[i].names[2] - '0'),
					 .uris_count = (size_t)(rows[i].names[3] - '0') };
	if (subject)
		read_subject(subject, orgs, &r);
	const struct certificate_facts f = {
		.csr = csr,
		.request = subject ? &r : NULL,
		.is_signer = is_signer,
		.ttl_s = 365 * 86400,
		.not_after_us = rows[i].status[0] == '?' ? now_us - 1 : 0,
		.now_us = now_us,
	};
	struct certificate_plan p;
	AUTO_STR got;
	str_init(&got, 4096);
	certificate_plan_make(&p, &f);
	show(&p, now_us / 1000000, &got);
	CHECK_TEXT(rows[i].name, got.data, wanted);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		run(i, true, rows[i].plan);
		/* Without a key nothing is signed, and nobody is told that it failed. */
		bool signs = strstr(rows[i].plan, "sign ") == rows[i].plan ||
			     strstr(rows[i].plan, "fail ") == rows[i].plan;
		run(i, false, signs ? "wait, wake 86400001" : rows[i].plan);
	}
	return 0;
}
