/* skiff-nodeagent: flags, the connections to API server and containerd, the agent. */
#include "common/base/str.h"
#include "common/client/kubeconfig.h"
#include "common/io/log.h"
#include "common/io/memory.h"
#include "nodeagent/net/net.h"
#include "nodeagent/port.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#define PEM_MAX ((size_t)1 << 20)

struct flags {
	struct agent_options agent;
	const char *kubeconfig, *containerd_socket, *cert, *key, *client_ca, *ctr;
	const char *cluster_id, *cluster_cidr, *service_cidr;
	const char *labels[65];
	size_t labels_count;
};

enum flag {
	FLAG_NODE_NAME = 1,
	FLAG_ROOT,
	FLAG_KUBECONFIG,
	FLAG_SOCKET,
	FLAG_NODE_IP,
	FLAG_POD_CIDR,
	FLAG_DNS,
	FLAG_DOMAIN,
	FLAG_BOOT_ID,
	FLAG_CERT,
	FLAG_KEY,
	FLAG_CLIENT_CA,
	FLAG_PORT,
	FLAG_CGROUP,
	FLAG_CNI,
	FLAG_LABEL,
	FLAG_PODS_MAX,
	FLAG_LOG_LEVEL,
	FLAG_CTR,
	FLAG_CLUSTER_ID,
	FLAG_CLUSTER_CIDR,
	FLAG_SERVICE_CIDR,
	FLAG_VERSION,
	FLAG_HELP,
};

static const struct option options[] = {
	{ "node-name", required_argument, NULL, FLAG_NODE_NAME },
	{ "root", required_argument, NULL, FLAG_ROOT },
	{ "kubeconfig", required_argument, NULL, FLAG_KUBECONFIG },
	{ "containerd-socket", required_argument, NULL, FLAG_SOCKET },
	{ "node-ip", required_argument, NULL, FLAG_NODE_IP },
	{ "pod-cidr", required_argument, NULL, FLAG_POD_CIDR },
	{ "cluster-dns", required_argument, NULL, FLAG_DNS },
	{ "cluster-domain", required_argument, NULL, FLAG_DOMAIN },
	{ "boot-id", required_argument, NULL, FLAG_BOOT_ID },
	{ "cert", required_argument, NULL, FLAG_CERT },
	{ "key", required_argument, NULL, FLAG_KEY },
	{ "client-ca", required_argument, NULL, FLAG_CLIENT_CA },
	{ "port", required_argument, NULL, FLAG_PORT },
	{ "cgroup-parent", required_argument, NULL, FLAG_CGROUP },
	{ "cni-conf-dir", required_argument, NULL, FLAG_CNI },
	{ "label", required_argument, NULL, FLAG_LABEL },
	{ "max-pods", required_argument, NULL, FLAG_PODS_MAX },
	{ "ctr", required_argument, NULL, FLAG_CTR },
	{ "cluster-id", required_argument, NULL, FLAG_CLUSTER_ID },
	{ "cluster-cidr", required_argument, NULL, FLAG_CLUSTER_CIDR },
	{ "service-cidr", required_argument, NULL, FLAG_SERVICE_CIDR },
	{ "log-level", required_argument, NULL, FLAG_LOG_LEVEL },
	{ "version", no_argument, NULL, FLAG_VERSION },
	{ "help", no_argument, NULL, FLAG_HELP },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
	"skiff-nodeagent: runs the pods that are bound to this node.\n"
	"  --node-name NAME         the Node it is\n"
	"  --root DIR               pods, volumes and logs\n"
	"  --kubeconfig FILE        the API server and who we are\n"
	"  --containerd-socket PATH\n"
	"  --node-ip IP             the node's InternalIP\n"
	"  --pod-cidr CIDR          the node's pod range (default: Node.spec.podCIDR)\n"
	"  --cluster-dns IP         name server of pods\n"
	"  --cluster-domain NAME    (default: cluster.local)\n"
	"  --boot-id ID             (default: the kernel's)\n"
	"  --cert, --key, --client-ca FILE  of the agent's own port\n"
	"  --port N                 (default: 10250; 0: none)\n"
	"  --cgroup-parent PATH     (default: /skiff)\n"
	"  --cni-conf-dir DIR       where the pod network's configuration is written\n"
	"  --label KEY=VALUE        on the Node; may be given several times\n"
	"  --max-pods N             (default: 250)\n"
	"  --ctr PATH               containerd's client, for image imports (default: ctr in PATH)\n"
	"  --cluster-id ID          names the nftables table; without it there are no Services\n"
	"  --cluster-cidr CIDR      all pods' range\n"
	"  --service-cidr CIDR      all Services' range\n"
	"  --log-level debug|info|warn|error\n";

static int number(const char *text, long max, long *ret, struct error *err)
{
	char *end;
	long n = strtol(text, &end, 10);
	if (*end || end == text || n < 0 || n > max)
		return error_set(err, ERR_INVALID, "'%s' is no number up to %ld", text, max);
	*ret = n;
	return 0;
}

/* Where a flag's text goes; NULL: it is no plain text. */
static const char **text_of(struct flags *f, int flag)
{
	const char **const texts[] = {
		[FLAG_NODE_NAME] = &f->agent.node_name,
		[FLAG_ROOT] = &f->agent.root,
		[FLAG_KUBECONFIG] = &f->kubeconfig,
		[FLAG_SOCKET] = &f->containerd_socket,
		[FLAG_NODE_IP] = &f->agent.node_ip,
		[FLAG_POD_CIDR] = &f->agent.pod_cidr,
		[FLAG_DNS] = &f->agent.cluster_dns,
		[FLAG_DOMAIN] = &f->agent.cluster_domain,
		[FLAG_BOOT_ID] = &f->agent.boot_id,
		[FLAG_CERT] = &f->cert,
		[FLAG_KEY] = &f->key,
		[FLAG_CLIENT_CA] = &f->client_ca,
		[FLAG_CGROUP] = &f->agent.cgroup_parent,
		[FLAG_CTR] = &f->ctr,
		[FLAG_CLUSTER_ID] = &f->cluster_id,
		[FLAG_CLUSTER_CIDR] = &f->cluster_cidr,
		[FLAG_SERVICE_CIDR] = &f->service_cidr,
		[FLAG_CNI] = &f->agent.cni_conf_dir,
	};
	return (size_t)flag < ARRAY_LEN(texts) ? texts[flag] : NULL;
}

static int set_flag(struct flags *f, int flag, const char *value, struct error *err)
{
	long n = 0;
	enum log_level level;
	const char **text = text_of(f, flag);
	if (text) {
		*text = value;
		return 0;
	}
	switch (flag) {
	case FLAG_PORT:
		if (number(value, 65535, &n, err) < 0)
			return err->code;
		f->agent.port = (uint16_t)n;
		return 0;
	case FLAG_PODS_MAX:
		if (number(value, 10000, &n, err) < 0)
			return err->code;
		f->agent.pods_max = (int)n;
		return 0;
	case FLAG_LABEL:
		if (f->labels_count + 1 >= ARRAY_LEN(f->labels))
			return error_set(err, ERR_LIMIT, "more than 64 labels");
		f->labels[f->labels_count++] = value;
		return 0;
	case FLAG_LOG_LEVEL:
		if (!log_level_parse(value, &level))
			return error_set(err, ERR_INVALID, "'%s' is no log level", value);
		log_set_level(level);
		return 0;
	}
	return error_set(err, ERR_INVALID, "see --help");
}

static int parse(int argc, char **argv, struct flags *f, struct error *err)
{
	int flag;
	f->agent.port = 10250;
	while ((flag = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (flag == FLAG_HELP || flag == FLAG_VERSION) {
			fputs(flag == FLAG_HELP ? usage : "skiff-nodeagent " SKIFF_VERSION "\n",
			      stdout);
			exit(0);
		}
		if (set_flag(f, flag, optarg, err) < 0)
			return err->code;
	}
	if (optind < argc)
		return error_set(err, ERR_INVALID, "'%s' is no flag; see --help", argv[optind]);
	if (!f->kubeconfig || !f->containerd_socket)
		return error_set(err, ERR_INVALID,
				 "--kubeconfig and --containerd-socket are needed; see --help");
	f->agent.labels = f->labels;
	return 0;
}

/* A PEM file, read at the start; NULL for no path. The caller's. */
static int read_pem(const char *path, char **ret, struct error *err)
{
	if (!path)
		return 0;
	AUTO_STR text;
	char buf[4096];
	str_init(&text, PEM_MAX);
	FILE *f = fopen(path, "re");
	if (!f)
		return error_set(err, ERR_INVALID, "%s cannot be read", path);
	for (size_t n; (n = fread(buf, 1, sizeof(buf), f)) > 0;)
		str_add_bytes(&text, buf, n);
	fclose(f);
	if (str_check(&text, path, err) < 0)
		return err->code;
	*ret = str_take(&text);
	return 0;
}

static int open_port(struct loop *loop, struct flags *f, struct agent *agent,
		     struct runtime *runtime, struct error *err)
{
	struct port *port;
	char *cert = NULL, *key = NULL, *ca = NULL; /* kept as long as the program runs */
	if (f->agent.port == 0)
		return 0;
	if (!f->cert || !f->key || !f->client_ca)
		return error_set(
			err, ERR_INVALID,
			"the agent's port needs --cert, --key and --client-ca (or --port 0)");
	if (read_pem(f->cert, &cert, err) < 0 || read_pem(f->key, &key, err) < 0 ||
	    read_pem(f->client_ca, &ca, err) < 0)
		return err->code;
	struct port_options own = { .address = f->agent.node_ip,
				    .port = f->agent.port,
				    .cert_pem = cert,
				    .key_pem = key,
				    .client_ca_pem = ca,
				    .containerd_socket = f->containerd_socket,
				    .ctr = f->ctr };
	return port_new(loop, agent, runtime, &own, &port, err);
}

/* Services, DNS and routes. */
static int start_net(struct loop *loop, struct api *api, const struct flags *f,
		     struct agent *agent, struct error *err)
{
	if (!f->cluster_id && !f->cluster_cidr && !f->service_cidr)
		return 0;
	if (!f->cluster_id || !f->cluster_cidr || !f->service_cidr)
		return error_set(err, ERR_INVALID,
				 "--cluster-id, --cluster-cidr and --service-cidr go together");
	struct net_options net = { .node_name = f->agent.node_name,
				   .cluster_id = f->cluster_id,
				   .cluster_cidr = f->cluster_cidr,
				   .service_cidr = f->service_cidr,
				   .dns_address = f->agent.cluster_dns,
				   .domain = f->agent.cluster_domain,
				   .services = agent_services(agent),
				   .pods = agent_pods(agent),
				   .seed = (uint64_t)loop_wall_us(loop) };
	return net_start(loop, api, &net, err);
}

static void on_signal(void *ctx)
{
	loop_stop(ctx);
}

static int run(struct flags *f, struct error *err)
{
	AUTO_KUBECONFIG kubeconfig = { 0 };
	struct http_client_options http = { 0 };
	struct http_transport *transport;
	struct runtime *runtime;
	struct agent *agent;
	if (kubeconfig_load(f->kubeconfig, NULL, &kubeconfig, err) < 0)
		return err->code;
	memory_keep_small();
	struct loop *loop = loop_new();
	kubeconfig_options(&kubeconfig, &http);
	http.user_agent = "skiff-nodeagent/" SKIFF_VERSION " (linux)";
	if (http_client_new(loop, &http, &transport, err) < 0 ||
	    runtime_cri_new(loop, f->containerd_socket, &runtime, err) < 0)
		return err->code;
	struct api *api = api_new(loop, transport, http.user_agent);
	if (agent_new(loop, api, runtime, &f->agent, &agent, err) < 0)
		return err->code;
	(void)loop_signal_new(loop, SIGTERM, on_signal, loop);
	(void)loop_signal_new(loop, SIGINT, on_signal, loop);
	if (open_port(loop, f, agent, runtime, err) < 0 ||
	    start_net(loop, api, f, agent, err) < 0)
		return err->code;
	agent_start(agent);
	(void)memory_trim_later(loop); /* lives as long as the program */
	loop_run(loop);
	/* Everything can be rebuilt, and what is under way may take long: the process just ends. */
	log_info("agent", "ends", "node", f->agent.node_name);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct flags flags = { 0 };
	struct error err;
	signal(SIGPIPE, SIG_IGN);
	if (parse(argc, argv, &flags, &err) < 0 || run(&flags, &err) < 0) {
		fprintf(stderr, "skiff-nodeagent: %s\n", err.text);
		return 1;
	}
	return 0;
}
