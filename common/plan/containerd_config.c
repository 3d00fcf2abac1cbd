#include "common/plan/containerd_config.h"

#define SOCKET_MAX 90 /* with ".ttrpc" behind it, sun_path still holds it */

static int check_path(const char *what, const char *path, struct error *err)
{
	if (!path || path[0] != '/')
		return error_set(err, ERR_INVALID, "%s '%s' is no absolute path", what,
				 path ? path : "");
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7f)
			return error_set(err, ERR_INVALID,
					 "%s '%s' holds a character that "
					 "a configuration file cannot",
					 what, path);
	return 0;
}

static void print_cri(const struct containerd_config *c, struct str *out)
{
	str_addf(out,
		 "[plugins.\"io.containerd.grpc.v1.cri\"]\n"
		 "  sandbox_image = \"%s\"\n"
		 "  restrict_oom_score_adj = %s\n"
		 "  disable_apparmor = %s\n"
		 "  disable_tcp_service = true\n"
		 "  stream_server_address = \"127.0.0.1\"\n"
		 "  stream_server_port = \"0\"\n"
		 "  tolerate_missing_hugetlb_controller = true\n"
		 "  netns_mounts_under_state_dir = true\n"
		 "  [plugins.\"io.containerd.grpc.v1.cri\".cni]\n"
		 "    bin_dir = \"%s\"\n"
		 "    conf_dir = \"%s\"\n"
		 "    max_conf_num = 1\n",
		 c->sandbox_image ? c->sandbox_image : "localhost/pause:1",
		 c->restrict_oom_score_adj ? "true" : "false",
		 c->disable_apparmor ? "true" : "false",
		 c->cni_bin_dir ? c->cni_bin_dir : "/usr/lib/cni", c->cni_conf_dir);
	if (c->registry_dir)
		str_addf(out,
			 "  [plugins.\"io.containerd.grpc.v1.cri\".registry]\n"
			 "    config_path = \"%s\"\n",
			 c->registry_dir);
	str_addf(out,
		 "  [plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
		 "    snapshotter = \"%s\"\n"
		 "    default_runtime_name = \"runc\"\n"
		 "    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
		 "      runtime_type = \"io.containerd.runc.v2\"\n"
		 "      [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n"
		 "        SystemdCgroup = %s\n",
		 c->snapshotter ? c->snapshotter : "overlayfs",
		 c->systemd_cgroup ? "true" : "false");
	if (c->runc)
		str_addf(out, "        BinaryName = \"%s\"\n", c->runc);
}

int containerd_config_print(const struct containerd_config *c, struct str *out, struct error *err)
{
	const struct {
		const char *what, *path;
		bool is_optional;
	} paths[] = {
		{ "root", c->root, false },
		{ "state", c->state, false },
		{ "socket", c->socket, false },
		{ "CNI configuration directory", c->cni_conf_dir, false },
		{ "CNI program directory", c->cni_bin_dir, true },
		{ "runtime", c->runc, true },
		{ "registry directory", c->registry_dir, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if ((paths[i].path || !paths[i].is_optional) &&
		    check_path(paths[i].what, paths[i].path, err) < 0)
			return err->code;
	if (strlen(c->socket) > SOCKET_MAX)
		return error_set(err, ERR_INVALID, "socket path '%s' is longer than %d bytes",
				 c->socket, SOCKET_MAX);
	str_addf(out,
		 "version = 2\n"
		 "root = \"%s\"\n"
		 "state = \"%s\"\n"
		 "oom_score = 0\n"
		 "disabled_plugins = [\"io.containerd.internal.v1.opt\", "
		 "\"io.containerd.internal.v1.tracing\", "
		 "\"io.containerd.snapshotter.v1.aufs\", \"io.containerd.snapshotter.v1.btrfs\", "
		 "\"io.containerd.snapshotter.v1.devmapper\", "
		 "\"io.containerd.snapshotter.v1.zfs\"]\n"
		 "[grpc]\n"
		 "  address = \"%s\"\n"
		 "[ttrpc]\n"
		 "  address = \"%s.ttrpc\"\n"
		 "[debug]\n"
		 "  level = \"warn\"\n",
		 c->root, c->state, c->socket, c->socket);
	print_cri(c, out);
	return str_check(out, "containerd configuration", err);
}

int cni_config_print(const char *name, const char *pod_cidr, const char *data_dir, unsigned mtu,
		     struct str *out, struct error *err)
{
	if (check_path("CNI data directory", data_dir, err) < 0)
		return err->code;
	str_add(out, "{\"cniVersion\":\"0.4.0\",\"name\":");
	str_add_json(out, name, strlen(name));
	str_add(out, ",\"plugins\":[{\"type\":\"ptp\",\"ipMasq\":false");
	if (mtu > 0)
		str_addf(out, ",\"mtu\":%u", mtu);
	str_add(out, ",\"ipam\":{\"type\":\"host-local\",\"dataDir\":");
	str_add_json(out, data_dir, strlen(data_dir));
	str_add(out, ",\"ranges\":[[{\"subnet\":");
	str_add_json(out, pod_cidr, strlen(pod_cidr));
	str_add(out, "}]],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}}]}\n");
	return str_check(out, "network configuration", err);
}
