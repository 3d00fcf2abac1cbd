/* skiff-apiserver: flags, files, and the parts put together. */
#include "apiserver/audit.h"
#include "apiserver/authn_oidc.h"
#include "apiserver/server.h"
#include "apiserver/store_etcd.h"
#include "apiserver/store_memory.h"
#include "common/base/json_memory.h"
#include "common/base/str.h"
#include "common/io/guardian.h"
#include "common/io/http_server.h"
#include "common/io/log.h"
#include "common/io/memory.h"
#include "common/io/tls.h"
#include "common/io/zone_names.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#define FILE_MAX         (1u << 20)
#define SCHEMA_REVISION  1
#define RANDOM_KEPT      1024
#define IDLE_TIMEOUT_S   120
#define COMPACT_EVERY_MS 300000
/* Of 20,000 in all. A node's agent needs about ten, a controller with a connection a watch and
 * kind sixty, a load generator a few hundred. */
#define CONNECTIONS_PER_CLIENT 4096

struct flags {
	const char *listen, *etcd, *etcd_api, *etcd_ca, *etcd_cert, *etcd_key;
	const char *cluster_id, *service_cidr, *advertise, *log_level;
	const char *cert, *key, *client_ca, *token_key, *node_cert, *node_key, *token_file,
		*oidc_keys, *oidc_ca, *encryption;
	const char *audit_path, *audit_policy, *audit_size, *audit_age, *audit_backups;
	const char *per_client;
	struct authn_oidc_options oidc;
	bool memory;
};

static const char usage[] =
	"usage: skiff-apiserver --listen=ADDRESS:PORT --etcd=URL [flags]\n"
	"\n"
	"  --listen=ADDRESS:PORT   where to serve HTTPS (0.0.0.0:6443)\n"
	"  --etcd=URL[,URL…]       unix:///PATH:0 or http(s)://HOST:PORT; by gRPC several\n"
	"  --etcd-api=grpc|json    how to speak to it (grpc)\n"
	"  --etcd-ca, --etcd-cert, --etcd-key=FILE   TLS with etcd\n"
	"  --store=memory          no etcd: everything is gone at the end\n"
	"  --cluster-id=ID         the cluster that the store must belong to\n"
	"  --service-cidr=CIDR     addresses of Services (10.96.0.0/16)\n"
	"  --advertise-address=IP  where pods reach this server\n"
	"  --tls-cert, --tls-key=FILE    this server's certificate\n"
	"  --client-ca=FILE        signs the certificates of clients and nodes\n"
	"  --token-key=FILE        RSA key that signs ServiceAccount tokens\n"
	"  --audit-log-path=FILE   who did what, a line a request; --audit-policy-file=FILE\n"
	"                          says how much of which; --audit-log-maxsize=MB (100),\n"
	"                          --audit-log-maxage=DAYS, --audit-log-maxbackup=N keep it small\n"
	"  --encryption-config=FILE  which objects are stored encrypted, and the keys\n"
	"  --token-auth-file=FILE  lines of TOKEN,USER,UID,\"GROUP,…\"\n"
	"  --oidc-issuer-url=URL, --oidc-client-id=ID\n"
	"                          users by ID tokens of an OpenID Connect issuer; its keys are\n"
	"                          fetched (--oidc-ca-file=FILE: who signs its certificate), or\n"
	"                          read from --oidc-jwks-file=FILE\n"
	"  --oidc-username-claim, --oidc-username-prefix, --oidc-groups-claim,\n"
	"  --oidc-groups-prefix, --oidc-required-claim=TEXT   how its claims name them\n"
	"  --node-cert, --node-key=FILE  certificate shown to the nodes' agents\n"
	"  --connections-per-client=N  of one address at a time (4096)\n"
	"  --log-level=debug|info|warn|error\n"
	"  --version, --help\n";

static int parse_flags(int argc, char **argv, struct flags *f)
{
	*f = (struct flags){ .listen = "0.0.0.0:6443",
			     .etcd_api = "grpc",
			     .cluster_id = "skiff",
			     .service_cidr = "10.96.0.0/16" };
	const struct {
		const char *name;
		const char **to;
	} texts[] = { { "listen", &f->listen },
		      { "etcd", &f->etcd },
		      { "etcd-api", &f->etcd_api },
		      { "etcd-ca", &f->etcd_ca },
		      { "etcd-cert", &f->etcd_cert },
		      { "etcd-key", &f->etcd_key },
		      { "cluster-id", &f->cluster_id },
		      { "service-cidr", &f->service_cidr },
		      { "advertise-address", &f->advertise },
		      { "tls-cert", &f->cert },
		      { "tls-key", &f->key },
		      { "client-ca", &f->client_ca },
		      { "token-key", &f->token_key },
		      { "node-cert", &f->node_cert },
		      { "node-key", &f->node_key },
		      { "log-level", &f->log_level },
		      { "token-auth-file", &f->token_file },
		      { "encryption-config", &f->encryption },
		      { "connections-per-client", &f->per_client },
		      { "audit-log-path", &f->audit_path },
		      { "audit-policy-file", &f->audit_policy },
		      { "audit-log-maxsize", &f->audit_size },
		      { "audit-log-maxage", &f->audit_age },
		      { "audit-log-maxbackup", &f->audit_backups },
		      { "oidc-jwks-file", &f->oidc_keys },
		      { "oidc-ca-file", &f->oidc_ca },
		      { "oidc-issuer-url", &f->oidc.issuer },
		      { "oidc-client-id", &f->oidc.client_id },
		      { "oidc-username-claim", &f->oidc.username_claim },
		      { "oidc-username-prefix", &f->oidc.username_prefix },
		      { "oidc-groups-claim", &f->oidc.groups_claim },
		      { "oidc-groups-prefix", &f->oidc.groups_prefix },
		      { "oidc-required-claim", &f->oidc.required_claims } };
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i], *equals = strchr(a, '=');
		bool known = streq(a, "--store=memory");
		f->memory |= known;
		if (streq(a, "--help") || streq(a, "-h")) {
			fputs(usage, stdout);
			exit(0);
		}
		if (streq(a, "--version")) {
			puts("skiff-apiserver " SKIFF_VERSION);
			exit(0);
		}
		for (size_t k = 0; equals && k < ARRAY_LEN(texts); k++) {
			size_t n = strlen(texts[k].name);
			if (starts_with(a, "--") && strncmp(a + 2, texts[k].name, n) == 0 &&
			    a + 2 + n == equals) {
				*texts[k].to = equals + 1;
				known = true;
			}
		}
		if (!known) {
			fprintf(stderr, "skiff-apiserver: unknown flag '%s'; see --help\n", a);
			return -1;
		}
	}
	return 0;
}

/* NULL path: NULL text. Exits with a sentence where the file cannot be read. */
static char *read_text(const char *path)
{
	if (!path)
		return NULL;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_STR text;
	str_init(&text, FILE_MAX);
	ssize_t n = fd < 0 ? -1 : 1;
	while (n > 0) {
		char buf[4096];
		n = read(fd, buf, sizeof buf);
		if (n > 0)
			str_add_bytes(&text, buf, (size_t)n);
	}
	if (n < 0 || !str_ok(&text)) {
		fprintf(stderr, "skiff-apiserver: %s: %s\n", path,
			n < 0 ? strerror(errno) : "larger than 1 MiB");
		exit(1);
	}
	return str_take(&text);
}

/* Every request draws an id: the kernel is asked for many at one time. The loop's thread alone. What was
 * given out is forgotten at once. */
static void kernel_random(void *ctx, void *buf, size_t n)
{
	static uint8_t kept[RANDOM_KEPT];
	static size_t left;
	(void)ctx;
	if (n > sizeof kept / 4) {
		tls_random(buf, n);
		return;
	}
	if (left < n) {
		tls_random(kept, sizeof kept);
		left = sizeof kept;
	}
	left -= n;
	memcpy(buf, kept + left, n);
	memset(kept + left, 0, n);
}

struct parts {
	struct loop *loop;
	struct store *store;
	struct server *server;
	struct http_server *http;
	struct zone_names *zones; /* NULL: the machine has none */
	bool is_stopping;
};

static int make_store(const struct flags *f, struct parts *p, struct error *err)
{
	struct store_backend *backend = NULL;
	if (f->memory) {
		backend = store_memory_new(p->loop);
	} else {
		struct store_etcd_options o = { .endpoint = f->etcd,
						.ca_file = f->etcd_ca,
						.cert_file = f->etcd_cert,
						.key_file = f->etcd_key };
		int code = streq(f->etcd_api, "json")
				   ? store_etcd_json_new(p->loop, &o, &backend, err)
				   : store_etcd_grpc_new(p->loop, &o, &backend, err);
		if (code < 0)
			return code;
	}
	p->store = store_new(p->loop, backend,
			     &(struct store_options){ .cluster_id = f->cluster_id,
						      .schema_revision = SCHEMA_REVISION,
						      .compact_every_ms = COMPACT_EVERY_MS });
	return 0;
}

/* 0 … 65535, or -1. */
static int port_of(const char *text)
{
	int port = 0;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || port > 65535)
			return -1;
		port = port * 10 + (*p - '0');
	}
	return *text && port <= 65535 ? port : -1;
}

static int listen_port(const struct flags *f, char address[64], struct error *err)
{
	const char *colon = strrchr(f->listen, ':');
	int port = colon ? port_of(colon + 1) : -1;
	if (port < 0 || colon - f->listen >= 64)
		return error_set(err, ERR_INVALID, "--listen=%s: it must be ADDRESS:PORT",
				 f->listen);
	memcpy(address, f->listen, (size_t)(colon - f->listen));
	address[colon - f->listen] = '\0';
	return port;
}

static void http_metrics(void *ctx, struct str *out)
{
	const struct parts *p = ctx;
	struct http_server_counts c;
	http_server_counts(p->http, &c);
	const struct {
		const char *name, *type, *help;
		uint64_t value;
	} rows[] = {
		{ "connections", "gauge", "Open connections.", c.connections_now },
		{ "streams", "gauge", "Connections of exec, attach, port-forward and logs.",
		  c.streams_now },
		{ "requests_total", "counter", "Requests read.", c.requests_total },
		{ "received_bytes_total", "counter", "Bytes of bodies.", c.bytes_in },
		{ "sent_bytes_total", "counter", "Bytes of answers.", c.bytes_out },
		{ "handshakes_failed_total", "counter", "TLS handshakes that failed.",
		  c.handshakes_failed_total },
		{ "connections_refused_total", "counter",
		  "Connections of clients that had too many.", c.refused_total },
		{ "connections_timed_out_total", "counter",
		  "Connections too slow with a handshake, a head or a body.", c.timed_out_total },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		str_addf(out,
			 "# HELP skiff_http_%s %s\n# TYPE skiff_http_%s %s\nskiff_http_%s %llu\n",
			 rows[i].name, rows[i].help, rows[i].name, rows[i].type, rows[i].name,
			 (unsigned long long)rows[i].value);
}

/* Decimal digits; NULL: 0. */
static int number_of(const char *flag, const char *text, int64_t *ret, struct error *err)
{
	size_t n = text ? strlen(text) : 0;
	*ret = 0;
	if (n > 9 || (text && strspn(text, "0123456789") != n))
		return error_set(err, ERR_INVALID, "--%s=%s: it must be a number", flag, text);
	for (size_t i = 0; i < n; i++)
		*ret = *ret * 10 + (text[i] - '0');
	return 0;
}

static int audit_options(const struct flags *f, const char *policy, struct audit_options *ret,
			 struct error *err)
{
	int64_t megabytes = 0;
	*ret = (struct audit_options){ .path = f->audit_path, .policy = policy };
	int code = number_of("audit-log-maxsize", f->audit_size, &megabytes, err);
	if (code == 0)
		code = number_of("audit-log-maxage", f->audit_age, &ret->age_max_days, err);
	if (code == 0)
		code = number_of("audit-log-maxbackup", f->audit_backups, &ret->backups_max, err);
	if (code == 0 && policy && !f->audit_path)
		code = error_set(err, ERR_INVALID, "--audit-policy-file needs --audit-log-path");
	ret->size_max = megabytes << 20;
	return code;
}

static int start(const struct flags *f, struct parts *p, struct error *err)
{
	char address[64];
	int port = listen_port(f, address, err);
	if (port < 0)
		return port;
	int code = make_store(f, p, err);
	if (code < 0)
		return code;
	auto_free char *cert = read_text(f->cert), *key = read_text(f->key);
	auto_free char *ca = read_text(f->client_ca), *token_key = read_text(f->token_key);
	auto_free char *token_file = read_text(f->token_file), *oidc_keys = read_text(f->oidc_keys);
	auto_free char *oidc_ca = read_text(f->oidc_ca);
	auto_free char *encryption = read_text(f->encryption);
	auto_free char *audit_policy = read_text(f->audit_policy);
	auto_free char *node_cert = read_text(f->node_cert), *node_key = read_text(f->node_key);
	char hostname[64] = "localhost";
	if (gethostname(hostname, sizeof hostname - 1) < 0)
		log_warn("apiserver", "no host name", "error", strerror(errno));
	if (!cert || !key)
		return error_set(err, ERR_INVALID, "--tls-cert and --tls-key are needed");
	struct audit_options audit;
	int64_t per_client;
	code = audit_options(f, audit_policy, &audit, err);
	if (code == 0)
		code = number_of("connections-per-client", f->per_client, &per_client, err);
	if (code < 0)
		return code;
	p->zones = zone_names_new();
	if (!p->zones)
		log_warn("apiserver", "no time zones here: any name is taken", "package", "tzdata");
	struct server_options o = { .cluster_id = f->cluster_id,
				    .service_cidr = f->service_cidr,
				    .advertise_address = f->advertise,
				    .advertise_port = (uint16_t)port,
				    .hostname = hostname,
				    .ca_pem = ca,
				    .token_key_pem = token_key,
				    .token_file = token_file,
				    .encryption = encryption,
				    .audit = f->audit_path ? &audit : NULL,
				    .oidc = f->oidc.issuer || f->oidc.client_id ? &f->oidc : NULL,
				    .oidc_keys = oidc_keys,
				    .oidc_ca = oidc_ca,
				    .node_cert_pem = node_cert,
				    .node_key_pem = node_key,
				    .zones = p->zones,
				    .random = kernel_random,
				    .carrier_metrics = http_metrics,
				    .carrier_ctx = p };
	code = server_new(p->loop, p->store, &o, &p->server, err);
	if (code < 0)
		return code;
	struct http_server_options h = { .address = address,
					 .port = (uint16_t)port,
					 .cert_pem = cert,
					 .key_pem = key,
					 .client_ca_pem = ca,
					 .idle_timeout_s = IDLE_TIMEOUT_S,
					 .connections_per_client_max =
						 per_client ? (size_t)per_client
							    : CONNECTIONS_PER_CLIENT,
					 .handle = server_handle,
					 .wants_stream = server_wants_stream,
					 .may_take_over = server_may_take_over,
					 .ctx = p->server };
	return http_server_new(p->loop, &h, &p->http, err);
}

static void left(void *ctx)
{
	loop_stop(((struct parts *)ctx)->loop);
}

/* Who asks twice does not wait. */
static void stop(void *ctx)
{
	struct parts *p = ctx;
	log_info("apiserver", "stopping");
	if (p->is_stopping)
		loop_stop(p->loop);
	else
		server_leave(p->server, left, p);
	p->is_stopping = true;
}

int main(int argc, char **argv)
{
	struct flags f;
	struct parts p = { 0 };
	struct error err;
	enum log_level level;
	if (parse_flags(argc, argv, &f) < 0)
		return 2;
	if (!f.etcd && !f.memory) {
		fputs("skiff-apiserver: --etcd=URL says where the store is; see --help\n", stderr);
		return 2;
	}
	if (f.log_level && log_level_parse(f.log_level, &level))
		log_set_level(level);
	signal(SIGPIPE, SIG_IGN);
	memory_keep_small();
	json_memory_keep();
	memory_reuse_large();
	p.loop = loop_new();
	if (start(&f, &p, &err) < 0) {
		log_error("apiserver", "cannot start", "error", err.text);
		return 1;
	}
	struct loop_signal *term = loop_signal_new(p.loop, SIGTERM, stop, &p);
	struct loop_signal *interrupt = loop_signal_new(p.loop, SIGINT, stop, &p);
	log_info("apiserver", "serving", "at", f.listen);
	struct guardian *guardian = guardian_new(p.loop);
	struct memory_trim *trim = memory_trim_later(p.loop);
	loop_run(p.loop);
	memory_trim_free(trim);
	guardian_free(guardian);
	loop_signal_free(term);
	loop_signal_free(interrupt);
	http_server_free(p.http);
	store_free(p.store);
	server_free(p.server);
	zone_names_free(p.zones);
	loop_free(p.loop);
	return 0;
}
