/* skiff-controller: every reconcile loop and the scheduler, while it holds the lease. */
#include "common/base/time_text.h"
#include "common/client/kubeconfig.h"
#include "common/client/leader.h"
#include "common/io/guardian.h"
#include "common/io/log.h"
#include "common/io/memory.h"
#include "common/io/tls_csr.h"
#include "controller/controllers.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>

#define PEM_MAX_BYTES   (1u << 20)
#define CONNECTIONS_MAX 512
#define RELEASE_MS      2000

struct settings {
	const char *kubeconfig, *cluster_cidr, *root_ca_file, *identity_file;
	const char *signing_cert_file, *signing_key_file;
	int64_t signing_ttl_s;
	bool leader_elect;
};

struct program {
	struct loop *loop;
	struct api *api;
	struct leader *leader;
	struct controllers *controllers;
	struct loop_timer *give_up;
	struct controllers_options options;
};

static const char usage[] =
	"Usage: skiff-controller [OPTION]…\n"
	"Runs the controllers and the scheduler of a Skiff cluster.\n"
	"\n"
	"  --kubeconfig FILE     how to reach the API server (default: $KUBECONFIG, else in-cluster)\n"
	"  --cluster-cidr RANGE  pod ranges of nodes are cut from it (default 10.244.0.0/16)\n"
	"  --root-ca-file FILE   certificate published in every namespace\n"
	"  --cluster-signing-cert-file FILE, --cluster-signing-key-file FILE\n"
	"                        CA that signs approved CertificateSigningRequests of the\n"
	"                        kubernetes.io signers (default: none does)\n"
	"  --cluster-signing-duration TIME  how long such certificates hold at most (default 8760h)\n"
	"  --leader-elect=BOOL   lead only while holding the lease (default true)\n"
	"  --identity-file FILE  made and locked: a killed controller's successor with the same file\n"
	"                        takes the lease over at once\n"
	"  --log-level LEVEL     debug, info, warn or error\n"
	"  --version, --help\n";

static int read_pem(const char *option, const char *path, struct str *ret, struct error *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, ERR_INVALID, "cannot read --%s '%s': %s", option, path,
				 strerror(errno));
	for (;;) {
		char *room = str_reserve(ret, 16384);
		if (!room)
			return error_set(err, ERR_LIMIT, "'%s' is larger than 1 MiB", path);
		ssize_t n = read(fd, room, 16384);
		if (n < 0 && errno != EINTR)
			return error_set(err, ERR_INVALID, "cannot read '%s': %s", path,
					 strerror(errno));
		if (n == 0)
			return 0;
		if (n > 0)
			str_grew(ret, (size_t)n);
	}
}

struct signing {
	struct str cert, key;
};

/* The key is wiped: it is the cluster's. */
static void signing_fini(struct signing *s)
{
	if (s->key.data)
		explicit_bzero(s->key.data, s->key.len);
	str_fini(&s->cert);
	str_fini(&s->key);
}
#define AUTO_SIGNING __attribute__((cleanup(signing_fini)))

/* Read once: whoever changes the CA starts the program anew. */
static int read_signing(const struct settings *s, struct signing *ret, struct error *err)
{
	struct tls_cert_info info;
	str_init(&ret->cert, PEM_MAX_BYTES);
	str_init(&ret->key, PEM_MAX_BYTES);
	if (read_pem("cluster-signing-cert-file", s->signing_cert_file, &ret->cert, err) < 0 ||
	    read_pem("cluster-signing-key-file", s->signing_key_file, &ret->key, err) < 0)
		return err->code;
	if (tls_cert_read(ret->cert.data, &info, err) < 0)
		return error_wrap(err, "--cluster-signing-cert-file '%s'", s->signing_cert_file);
	return tls_pair_check(&(struct tls_pair){ ret->cert.data, ret->key.data }, err) < 0
		       ? error_wrap(err, "--cluster-signing-key-file '%s'", s->signing_key_file)
		       : 0;
}

static int parse_bool(const char *text, bool *ret)
{
	if (!text || streq(text, "true"))
		*ret = true;
	else if (streq(text, "false"))
		*ret = false;
	else
		return -1;
	return 0;
}

static int parse_seconds(const char *text, int64_t *ret)
{
	int64_t us;
	if (!duration_parse(text, &us) || us < 1000000)
		return -1;
	*ret = us / 1000000;
	return 0;
}

/* 0: go on; 1: done; -1: wrong usage. */
static int parse_options(int argc, char **argv, struct settings *ret)
{
	static const struct option options[] = {
		{ "kubeconfig", required_argument, NULL, 'k' },
		{ "cluster-cidr", required_argument, NULL, 'c' },
		{ "service-cidr", required_argument, NULL, 's' },
		{ "root-ca-file", required_argument, NULL, 'r' },
		{ "cluster-signing-cert-file", required_argument, NULL, 'C' },
		{ "cluster-signing-key-file", required_argument, NULL, 'K' },
		{ "cluster-signing-duration", required_argument, NULL, 'D' },
		{ "leader-elect", optional_argument, NULL, 'l' },
		{ "identity-file", required_argument, NULL, 'i' },
		{ "log-level", required_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	enum log_level level;
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == 'k')
			ret->kubeconfig = optarg;
		else if (option == 'c')
			ret->cluster_cidr = optarg;
		else if (option == 'r')
			ret->root_ca_file = optarg;
		else if (option == 'i')
			ret->identity_file = optarg;
		else if (option == 'C')
			ret->signing_cert_file = optarg;
		else if (option == 'K')
			ret->signing_key_file = optarg;
		else if (option == 'D' && parse_seconds(optarg, &ret->signing_ttl_s) == 0)
			continue;
		else if (option == 'l' && parse_bool(optarg, &ret->leader_elect) == 0)
			continue;
		else if (option == 'v' && log_level_parse(optarg, &level))
			log_set_level(level);
		else if (option == 'V' && printf("skiff-controller %s\n", SKIFF_VERSION) > 0)
			return 1;
		else if (option == 'h' && fputs(usage, stdout) >= 0)
			return 1;
		else if (option != 's') /* accepted: Services' addresses are the API server's */
			return -1;
	}
	bool has_half = !ret->signing_cert_file != !ret->signing_key_file;
	return optind == argc && !has_half ? 0 : -1;
}

static uint64_t random_seed(void)
{
	uint64_t seed = 0;
	while (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		continue;
	return seed;
}

static void on_leading(void *ctx)
{
	struct program *p = ctx;
	p->controllers = controllers_start(p->loop, p->api, &p->options);
}

static void on_lost(void *ctx)
{
	struct program *p = ctx;
	controllers_free(TAKE(p->controllers));
}

static void stop(void *ctx)
{
	struct program *p = ctx;
	loop_stop(p->loop);
}

static void on_signal(void *ctx)
{
	struct program *p = ctx;
	if (!p->leader || loop_timer_is_set(p->give_up)) {
		stop(p);
		return;
	}
	log_info("controller", "stopping");
	loop_timer_set(p->give_up, RELEASE_MS);
	leader_release(p->leader, stop, p);
}

static void run(struct program *p, bool leader_elect, const struct leader_identity *identity)
{
	struct loop_signal *term = loop_signal_new(p->loop, SIGTERM, on_signal, p);
	struct loop_signal *interrupt = loop_signal_new(p->loop, SIGINT, on_signal, p);
	p->give_up = loop_timer_new(p->loop, stop, p);
	if (leader_elect)
		p->leader = leader_new(&(struct leader_options){ .loop = p->loop,
								 .api = p->api,
								 .ns = "kube-system",
								 .lease = "skiff-controller",
								 .identity = identity->name,
								 .former = identity->former,
								 .seed = p->options.seed,
								 .started = on_leading,
								 .stopped = on_lost,
								 .ctx = p });
	else
		on_leading(p);
	struct guardian *guardian = guardian_new(p->loop);
	struct memory_trim *trim = memory_trim_later(p->loop);
	loop_run(p->loop);
	memory_trim_free(trim);
	guardian_free(guardian);
	controllers_free(TAKE(p->controllers));
	leader_free(p->leader);
	loop_timer_free(p->give_up);
	loop_signal_free(term);
	loop_signal_free(interrupt);
}

static int load_kubeconfig(const struct settings *s, struct kubeconfig *ret, struct error *err)
{
	const char *path = s->kubeconfig ? s->kubeconfig : getenv("KUBECONFIG");
	return path ? kubeconfig_load(path, NULL, ret, err) : kubeconfig_in_cluster(ret, err);
}

static int start(const struct settings *s, struct error *err)
{
	static const char agent[] = "skiff-controller/" SKIFF_VERSION " (linux)";
	AUTO_KUBECONFIG config = { 0 };
	AUTO_STR root_ca;
	str_init(&root_ca, PEM_MAX_BYTES);
	if (load_kubeconfig(s, &config, err) < 0)
		return err->code;
	if (s->root_ca_file && read_pem("root-ca-file", s->root_ca_file, &root_ca, err) < 0)
		return err->code;
	AUTO_SIGNING struct signing signing = { 0 };
	if (s->signing_key_file && read_signing(s, &signing, err) < 0)
		return err->code;
	struct http_client_options options = { .user_agent = agent,
					       .connections_max = CONNECTIONS_MAX };
	kubeconfig_options(&config, &options);

	memory_keep_small();
	AUTO(loop) *loop = loop_new();
	struct http_transport *transport;
	if (http_client_new(loop, &options, &transport, err) < 0)
		return err->code;
	struct program p = { .loop = loop, .api = api_new(loop, transport, agent) };
	p.options = (struct controllers_options){ .cluster_cidr = s->cluster_cidr,
						  .root_ca = root_ca.data,
						  .signing_cert = signing.cert.data,
						  .signing_key = signing.key.data,
						  .signing_ttl_s = s->signing_ttl_s,
						  .seed = random_seed() };
	struct leader_identity identity;
	int code = leader_identity_open(s->identity_file, p.options.seed, &identity, err);
	if (code == 0) {
		log_info("controller", "started", "server", config.server);
		run(&p, s->leader_elect, &identity);
		leader_identity_fini(&identity);
	}
	api_free(p.api);
	http_transport_free(transport);
	return code;
}

int main(int argc, char **argv)
{
	struct settings s = { .cluster_cidr = "10.244.0.0/16", .leader_elect = true };
	struct error err;
	int parsed = parse_options(argc, argv, &s);
	if (parsed != 0) {
		if (parsed < 0)
			fputs(usage, stderr);
		return parsed < 0 ? 2 : 0;
	}
	if (start(&s, &err) < 0) {
		log_error("controller", "cannot start", "why", err.text);
		return 1;
	}
	return 0;
}
