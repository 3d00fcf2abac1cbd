/* What pods are configured from that is the same for all of them. Read once, at the start. */
#include "nodeagent/pod.h"

#include <stdio.h>

#define RESOLV_MAX 16

static const char *keep(struct agent *a, const char *text)
{
	if (!text)
		return NULL;
	a->texts = xrealloc(a->texts, a->texts_count + 1, sizeof(*a->texts));
	return a->texts[a->texts_count++] = xstrdup(text);
}

/* The host's resolvers. */
static void read_resolv_conf(struct agent *a)
{
	char line[1024], word[256];
	const char **servers = xcalloc(RESOLV_MAX, sizeof(*servers));
	const char **searches = xcalloc(RESOLV_MAX, sizeof(*searches));
	FILE *f = fopen("/etc/resolv.conf", "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "nameserver %255s", word) == 1 &&
		    a->config.host_dns_count < RESOLV_MAX)
			servers[a->config.host_dns_count++] = keep(a, word);
		if (!starts_with(line, "search "))
			continue;
		for (char *p = line + 7; *p && a->config.host_searches_count < RESOLV_MAX;) {
			size_t n = strcspn(p, " \t\n");
			auto_free char *domain = xstrndup(p, n);
			if (n > 0)
				searches[a->config.host_searches_count++] = keep(a, domain);
			p += n + (p[n] != '\0');
		}
	}
	if (f)
		fclose(f);
	a->config.host_dns = servers;
	a->config.host_searches = searches;
}

void agent_config_make(struct agent *a)
{
	a->config.paths = (struct pod_paths){ a->root, a->log_root };
	a->config.cluster_dns = keep(a, a->options.cluster_dns);
	a->config.cluster_domain =
		keep(a, a->options.cluster_domain ? a->options.cluster_domain : "cluster.local");
	a->config.cgroup_parent =
		keep(a, a->options.cgroup_parent ? a->options.cgroup_parent : "/skiff");
	a->config.boot_id = a->boot_id;
	read_resolv_conf(a);
}

char *agent_kernel_boot_id(void)
{
	char text[64] = "";
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	text[strcspn(text, "\n")] = '\0';
	return xstrdup(text);
}

void agent_config_fini(struct agent *a)
{
	for (size_t i = 0; i < a->texts_count; i++)
		free(a->texts[i]);
	free(a->texts);
	free((void *)(uintptr_t)a->config.host_dns);
	free((void *)(uintptr_t)a->config.host_searches);
}
