#include "nodeagent/pod_paths.h"

char *pod_dir(const struct pod_paths *p, const json_t *pod)
{
	return xasprintf("%s/pods/%s", p->root, json_str_or(pod, "metadata.uid", ""));
}

char *pod_log_dir(const struct pod_paths *p, const json_t *pod)
{
	return xasprintf("%s/%s_%s_%s", p->log_root, json_str_or(pod, "metadata.namespace", ""),
			 json_str_or(pod, "metadata.name", ""),
			 json_str_or(pod, "metadata.uid", ""));
}

char *pod_volume_dir(const struct pod_paths *p, const json_t *pod, const json_t *volume)
{
	return xasprintf("%s/pods/%s/volumes/%s", p->root, json_str_or(pod, "metadata.uid", ""),
			 json_str_or(volume, "name", ""));
}

char *pod_message_path(const struct pod_paths *p, const char *uid, const char *container,
		       uint32_t attempt)
{
	return xasprintf("%s/pods/%s/messages/%s-%u", p->root, uid, container, attempt);
}

char *pod_hosts_path(const struct pod_paths *p, const char *uid)
{
	return xasprintf("%s/pods/%s/etc-hosts", p->root, uid);
}

void pod_hosts_text(const json_t *pod, const char *pod_ip, struct str *out)
{
	const char *hostname = json_str(pod, "spec.hostname");
	const char *subdomain = json_str(pod, "spec.subdomain");
	size_t i, k;
	json_t *alias, *name;
	str_add(out, "# Written by Skiff for this pod.\n"
		     "127.0.0.1\tlocalhost\n"
		     "::1\tlocalhost ip6-localhost ip6-loopback\n"
		     "fe00::0\tip6-localnet\n"
		     "fe00::0\tip6-mcastprefix\n"
		     "fe00::1\tip6-allnodes\n"
		     "fe00::2\tip6-allrouters\n");
	if (!hostname)
		hostname = json_str_or(pod, "metadata.name", "");
	if (subdomain && subdomain[0])
		str_addf(out, "%s\t%s.%s.%s.svc.cluster.local\t%s\n", pod_ip, hostname, subdomain,
			 json_str_or(pod, "metadata.namespace", ""), hostname);
	else
		str_addf(out, "%s\t%s\n", pod_ip, hostname);
	json_array_foreach (json_dig(pod, "spec.hostAliases"), i, alias) {
		str_addf(out, "%s", json_str_or(alias, "ip", ""));
		json_array_foreach (json_object_get(alias, "hostnames"), k, name) {
			str_addf(out, "\t%s", json_string_value(name));
		}
		str_add(out, "\n");
	}
}
