/* service_plan and service_facts: objects in, nftables' words out. */
#include "nodeagent/net/service_facts.h"
#include "tests/support/check.h"

#include <stdio.h>

static const struct service_plan_options options = { "abc123", "10.244.0.0/16", "10.96.0.0/16" };

static json_t *parse(const char *text)
{
	struct error err;
	json_t *j;
	auto_free char *json = xstrdup(text);
	for (char *c = json; *c; c++) /* rows are written with ' for readability */
		if (*c == '\'')
			*c = '"';
	if (json_parse(json, strlen(json), &j, &err) < 0) {
		fprintf(stderr, "%s\n%s\n", text, err.text);
		exit(1);
	}
	return j;
}

/* ---- facts ---- */

#define META "'metadata':{'namespace':'n','name':'s'},"
#define SPEC "'clusterIP':'10.96.0.5','ports':[{'name':'http','port':80,'nodePort':30080}]"
#define TWO                                                                                        \
	"{'addressType':'IPv4','ports':[{'name':'http','port':8080}],'endpoints':["                \
	"{'addresses':['10.244.1.2'],'nodeName':'b','conditions':{'ready':true}},"                 \
	"{'addresses':['10.244.0.9'],'nodeName':'a','conditions':{'ready':true}},"                 \
	"{'addresses':['10.244.0.7'],'nodeName':'a','conditions':{'ready':false}}]}"
#define GOING                                                                                      \
	"{'ports':[{'name':'http','port':8080}],'endpoints':[{'addresses':['10.244.0.9'],"         \
	"'conditions':{'ready':false,'serving':true,'terminating':true}}]}"
/* Ways: by chance (N, P) or by client (H, Q), of an address or of a port; so many endpoints. */
#define REFUSE  "5348:0"
#define N(k)    "5348:" #k
#define H(k)    "5348:200" #k
#define P(k)    "5348:400" #k
#define Q(k)    "5348:600" #k
#define VIP(to) "services { 10.96.0.5 . tcp . 80 : " to " }\n"
#define EP0     "endpoints { 10.96.0.5 . tcp . 80 . 0 : 10.244.0.9 . 8080 }\n"
#define EPS                                                                                        \
	"endpoints { 10.96.0.5 . tcp . 80 . 0 : 10.244.0.9 . 8080, "                               \
	"10.96.0.5 . tcp . 80 . 1 : 10.244.1.2 . 8080 }\n"
#define NODE(to) "nodeports { tcp . 30080 : " to " }\n"
#define NEP0     "nodeport-endpoints { tcp . 30080 . 0 : 10.244.0.9 . 8080 }\n"
#define NEPS                                                                                       \
	"nodeport-endpoints { tcp . 30080 . 0 : 10.244.0.9 . 8080, "                               \
	"tcp . 30080 . 1 : 10.244.1.2 . 8080 }\n"

static const struct {
	const char *name, *spec, *slices, *want;
} services[] = {
	{ "no endpoints", SPEC, "[]", VIP(REFUSE) NODE(REFUSE) },
	{ "two ready", SPEC, "[" TWO "]", VIP(N(2)) EPS NODE(P(2)) NEPS },
	{ "the same in two slices", SPEC, "[" TWO "," TWO "]", VIP(N(2)) EPS NODE(P(2)) NEPS },
	{ "what terminates, if nothing else", SPEC, "[" GOING "]", VIP(N(1)) EP0 NODE(P(1)) NEP0 },
	{ "ready before terminating", SPEC, "[" GOING "," TWO "]", VIP(N(2)) EPS NODE(P(2)) NEPS },
	{ "by client", SPEC ",'sessionAffinity':'ClientIP'", "[" TWO "]",
	  VIP(H(2)) EPS NODE(Q(2)) NEPS },
	{ "outside traffic stays", SPEC ",'externalTrafficPolicy':'Local'", "[" TWO "]",
	  VIP(N(2)) EPS NODE(P(1)) NEP0 "node-keeps-tcp { 30080 }\n" },
	{ "inside traffic stays", SPEC ",'internalTrafficPolicy':'Local'", "[" TWO "]",
	  VIP(N(1)) EP0 NODE(P(2)) NEPS },
	{ "headless", "'clusterIP':'None','ports':[{'name':'http','port':80}]", "[" TWO "]", "" },
	{ "another name", "'type':'ExternalName','externalName':'x.y'", "[]", "" },
	{ "DNS is answered here", "'clusterIP':'10.96.0.10','ports':[{'port':53}]", "[]", "" },
	{ "other port", "'clusterIP':'10.96.0.5','ports':[{'name':'x','port':80}]", "[" TWO "]",
	  VIP(REFUSE) },
	{ "external address",
	  "'clusterIP':'None','externalIPs':['192.0.2.1'],'ports':[{'port':80,'protocol':'UDP'}]",
	  "[{'ports':[{'port':9,'protocol':'UDP'}],'endpoints':[{'addresses':['10.244.0.3']}]}]",
	  "services { 192.0.2.1 . udp . 80 : " N(
		  1) " }\n"
		     "endpoints { 192.0.2.1 . udp . 80 . 0 : 10.244.0.3 . 9 }\n" },
	{ "nothing that fits", "'clusterIP':'fd00::1','ports':[{'port':70000},{'port':80}]",
	  "[{'addressType':'IPv6','ports':[{'port':1}],'endpoints':[{'addresses':['fd00::2']}]}]",
	  "" },
};

/* The elements' text without the command's repeated beginning. */
static char *show(struct service_elements *e)
{
	AUTO_STR text, out;
	str_init(&text, 1 << 20);
	str_init(&out, 1 << 20);
	struct service_plan *p = service_plan_new(&options);
	struct service_change c;
	struct error err;
	service_plan_want(p, "first", &(struct service_elements){ 0 });
	CHECK(service_plan_make(p, &c, &err) == 0 && c.is_full);
	service_plan_done(p, true);
	service_change_fini(&c);
	service_plan_want(p, "group", e);
	CHECK(service_plan_make(p, &c, &err) == 0);
	str_add(&text, c.text ? c.text : "");
	service_plan_done(p, true);
	service_change_fini(&c);
	service_plan_free(p);
	static const char prefix[] = "add element ip skiff-abc123 ";
	for (const char *line = text.data; *line;) {
		size_t n = strcspn(line, "\n") + 1;
		CHECK(starts_with(line, prefix));
		str_add_bytes(&out, line + strlen(prefix), n - strlen(prefix));
		line += n;
	}
	return str_take(&out);
}

static void test_service_facts(void)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		auto_free char *text = xasprintf("{" META "'spec':{%s}}", services[i].spec);
		AUTO_JSON *service = parse(text), *slices = parse(services[i].slices);
		const json_t *at[8];
		size_t n = json_array_size(slices);
		for (size_t k = 0; k < n; k++)
			at[k] = json_array_get(slices, k);
		struct service_view v = { service, at, n, "a", 0x0a60000a };
		struct service_elements e;
		service_facts(&v, &e);
		auto_free char *got = show(&e);
		CHECK_TEXT(services[i].name, got, services[i].want);
	}
}

static const struct {
	const char *name, *pod, *want;
} pods[] = {
	{ "plain", "'spec':{},'status':{'podIP':'10.244.0.2'}",
	  "own-pods { 10.244.0.2 . 10.244.0.2 }\n" },
	{ "no address yet", "'spec':{},'status':{}", "" },
	{ "the host's network", "'spec':{'hostNetwork':true},'status':{'podIP':'10.0.0.1'}", "" },
	{ "ended", "'spec':{},'status':{'podIP':'10.244.0.2','phase':'Failed'}", "" },
	{ "host ports",
	  "'spec':{'containers':[{'ports':[{'containerPort':53,'hostPort':5353,'protocol':'UDP'},"
	  "{'containerPort':80,'hostPort':8080,'hostIP':'192.0.2.7'},{'containerPort':1}]}]},"
	  "'status':{'podIP':'10.244.0.2'}",
	  "hostports { udp . 5353 : 10.244.0.2 . 53 }\n"
	  "hostports-at { 192.0.2.7 . tcp . 8080 : 10.244.0.2 . 80 }\n"
	  "host-keeps-tcp { 8080 }\nhost-keeps-udp { 5353 }\n"
	  "own-pods { 10.244.0.2 . 10.244.0.2 }\n" },
};

static void test_pod_facts(void)
{
	for (size_t i = 0; i < ARRAY_LEN(pods); i++) {
		auto_free char *text = xasprintf("{%s}", pods[i].pod);
		AUTO_JSON *pod = parse(text);
		struct service_elements e;
		pod_facts_of_ports(pod, &e);
		auto_free char *got = show(&e);
		CHECK_TEXT(pods[i].name, got, pods[i].want);
	}
}

/* ---- plan ---- */

/* "a=5/2": group a wants address …5 with 2 endpoints, "a=-": nothing; "!": the transaction fails;
 * "f": somebody removed the table; ".": make one and compare. */
static const struct {
	const char *name, *steps, *want;
} plans[] = {
	{ "first is whole", "a=5/1 .", "full services+1 endpoints+1|" },
	{ "nothing to do", "a=5/1 . .", "full services+1 endpoints+1||" },
	{ "same again", "a=5/1 . a=5/1 .", "full services+1 endpoints+1||" },
	{ "one more endpoint", "a=5/1 . a=5/2 .",
	  "full services+1 endpoints+1|services-1 services+1 endpoints+1|" },
	{ "last endpoint goes", "a=5/1 . a=5/0 .",
	  "full services+1 endpoints+1|services-1 endpoints-1 services+1|" },
	{ "group goes", "a=5/1 . a=- .", "full services+1 endpoints+1|services-1 endpoints-1|" },
	{ "failed: all again", "a=5/1 . b=6/0 ! .",
	  "full services+1 endpoints+1|services+1|full services+2 endpoints+1|" },
	{ "removed by somebody", "a=5/1 . f .",
	  "full services+1 endpoints+1|full services+1 endpoints+1|" },
	{ "first keeps it", "a=5/1 b=5/1 .", "full services+1 endpoints+1|" },
	{ "the other gets it later", "a=5/1 . b=5/2 . a=- .",
	  "full services+1 endpoints+1||services-1 endpoints-1 services+1 endpoints+2|" },
	{ "the other goes away", "a=5/1 . b=5/2 . b=- . a=- .",
	  "full services+1 endpoints+1|||services-1 endpoints-1|" },
	{ "change of the first", "a=5/1 . b=5/1 . a=5/2 .",
	  "full services+1 endpoints+1||services-1 services+1 endpoints+1|" },
	{ "more chains", "a=5/1 . a=5/17 .",
	  "full services+1 endpoints+1|full services+1 endpoints+17|" },
};

static size_t count_commas(const char *line, size_t n)
{
	size_t count = 1;
	for (size_t i = 0; i < n; i++)
		count += line[i] == ',';
	return count;
}

static void summarize(const struct service_change *c, struct str *out)
{
	bool is_first = true;
	if (c->is_full)
		str_add(out, "full");
	is_first = !c->is_full;
	for (const char *line = c->text ? c->text : ""; *line;) {
		char verb[8], map[32];
		size_t n = strcspn(line, "\n") + 1;
		if (sscanf(line, "%7s element ip skiff-abc123 %31s", verb, map) == 2 &&
		    !streq(map, "ways")) { /* those belong to the table */
			str_addf(out, "%s%s%c%zu", is_first ? "" : " ", map,
				 streq(verb, "add") ? '+' : '-', count_commas(line, n));
			is_first = false;
		}
		line += n;
	}
	str_add_char(out, '|');
}

static void want(struct service_plan *p, const char *step)
{
	char group[2] = { step[0], '\0' };
	unsigned address = 0, endpoints = 0;
	struct service_elements e = { 0 };
	if (sscanf(step + 2, "%u/%u", &address, &endpoints) == 2) {
		struct service_element head = { .kind = SERVICE_VIP,
						.protocol = 6,
						.port = 80,
						.address = address,
						.to_port = (uint16_t)endpoints };
		service_elements_add(&e, head);
		head.kind = SERVICE_VIP_SLOT;
		for (unsigned i = 0; i < endpoints; i++) {
			head.slot = (uint16_t)i;
			head.to_address = i + 1;
			head.to_port = 8080;
			service_elements_add(&e, head);
		}
	}
	service_plan_want(p, group, &e);
}

static void test_plan(void)
{
	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		AUTO_STR got;
		str_init(&got, 1 << 16);
		struct service_plan *p = service_plan_new(&options);
		auto_free char *steps = xstrdup(plans[i].steps);
		char *at = steps;
		for (char *step; (step = strsep(&at, " "));) {
			struct service_change c;
			struct error err;
			if (*step == 'f') {
				service_plan_forget(p);
			} else if (*step == '.' || *step == '!') {
				CHECK(service_plan_make(p, &c, &err) == 0);
				summarize(&c, &got);
				service_plan_done(p, *step == '.');
				service_change_fini(&c);
			} else {
				want(p, step);
			}
		}
		CHECK_TEXT(plans[i].name, got.data, plans[i].want);
		service_plan_free(p);
	}
}

/* UDP connections that must be forgotten. */
static void udp(struct service_plan *p, const char *targets, const char *want_flushes)
{
	AUTO_STR got;
	str_init(&got, 4096);
	struct service_elements e = { 0 };
	struct service_change c;
	struct error err;
	struct service_element head = { .kind = SERVICE_VIP,
					.protocol = 17,
					.port = 53,
					.address = 5,
					.to_port = (uint16_t)strlen(targets) };
	service_elements_add(&e, head);
	head.kind = SERVICE_VIP_SLOT;
	for (const char *t = targets; *t; t++, head.slot++) {
		head.to_address = (uint32_t)(*t - '0');
		head.to_port = 5353;
		service_elements_add(&e, head);
	}
	service_plan_want(p, "g", &e);
	CHECK(service_plan_make(p, &c, &err) == 0);
	for (size_t i = 0; i < c.flushes_count; i++)
		str_addf(&got, "%u:%u>%u ", c.flushes[i].address, c.flushes[i].port,
			 c.flushes[i].to_address);
	CHECK_TEXT(targets, got.data, want_flushes);
	service_plan_done(p, true);
	service_change_fini(&c);
}

static void test_flushes(void)
{
	struct service_plan *p = service_plan_new(&options);
	udp(p, "", "");          /* whole: nothing is cut off */
	udp(p, "12", "5:53>0 "); /* first endpoints: what was turned away may come again */
	udp(p, "2", "5:53>1 ");
	udp(p, "23", "");
	udp(p, "", "5:53>2 5:53>3 ");
	service_plan_free(p);
}

/* The table itself: a change of it is to be looked at like code. */
static void test_table(void)
{
	AUTO_STR got, want_text;
	str_init(&got, 1 << 16);
	str_init(&want_text, 1 << 16);
	static const char path[] = "tests/golden/services.nft";
	service_text_table(&got, &options);
	service_text_chain(&got, "skiff-abc123", 2);
	const char *update = getenv("UPDATE_GOLDEN");
	FILE *f = fopen(path, update ? "we" : "re");
	CHECK(f);
	if (update) {
		CHECK(fputs(got.data, f) >= 0);
		str_add(&want_text, got.data);
	}
	for (char line[512]; !update && fgets(line, sizeof(line), f);)
		str_add(&want_text, line);
	fclose(f);
	CHECK_TEXT(path, got.data, want_text.data);
}

int main(void)
{
	test_service_facts();
	test_pod_facts();
	test_plan();
	test_flushes();
	test_table();
	return 0;
}
