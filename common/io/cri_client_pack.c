#include "common/io/cri_client_internal.h"

#include "proto/cri.pb-c.h"

#define NEW(a, Type, INIT)                                                                         \
	({                                                                                         \
		Type *new_ = arena_alloc((a), 1, sizeof(Type));                                    \
		*new_ = (Type)INIT;                                                                \
		new_;                                                                              \
	})

/* protobuf-c's structures are not const, though packing only reads them. */
static char *text(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

static size_t texts(struct arena *a, const struct cri_texts *from, char ***ret)
{
	*ret = arena_alloc(a, from->count, sizeof(char *));
	for (size_t i = 0; i < from->count; i++)
		(*ret)[i] = text(from->at[i]);
	return from->count;
}

static size_t pairs(struct arena *a, const struct cri_pairs *from, Cri__Pair ***ret)
{
	*ret = arena_alloc(a, from->count, sizeof(Cri__Pair *));
	for (size_t i = 0; i < from->count; i++) {
		(*ret)[i] = NEW(a, Cri__Pair, CRI__PAIR__INIT);
		(*ret)[i]->key = text(from->at[i].key);
		(*ret)[i]->value = text(from->at[i].value);
	}
	return from->count;
}

static Cri__Int64 *number(struct arena *a, bool has, int64_t value)
{
	if (!has)
		return NULL;
	Cri__Int64 *n = NEW(a, Cri__Int64, CRI__INT64__INIT);
	n->value = value;
	return n;
}

static Cri__Namespaces *namespaces(struct arena *a, const struct cri_namespaces *from)
{
	Cri__Namespaces *n = NEW(a, Cri__Namespaces, CRI__NAMESPACES__INIT);
	n->network = (int32_t)from->network;
	n->pid = (int32_t)from->pid;
	n->ipc = (int32_t)from->ipc;
	n->target_id = text(from->target_id);
	return n;
}

static Cri__Profile *profile(struct arena *a, const struct cri_security *from)
{
	if (!from->has_seccomp)
		return NULL;
	Cri__Profile *p = NEW(a, Cri__Profile, CRI__PROFILE__INIT);
	p->type = (int32_t)from->seccomp;
	p->localhost_ref = text(from->seccomp_ref);
	return p;
}

static Cri__Resources *resources(struct arena *a, const struct cri_resources *from)
{
	Cri__Resources *r = NEW(a, Cri__Resources, CRI__RESOURCES__INIT);
	r->cpu_period = from->cpu_period;
	r->cpu_quota = from->cpu_quota;
	r->cpu_shares = from->cpu_shares;
	r->memory_limit = from->memory_limit;
	r->oom_score_adj = from->oom_score_adj;
	return r;
}

static Cri__SandboxSecurity *sandbox_security(struct arena *a, const struct cri_security *from)
{
	Cri__SandboxSecurity *s = NEW(a, Cri__SandboxSecurity, CRI__SANDBOX_SECURITY__INIT);
	s->namespaces = namespaces(a, &from->namespaces);
	s->run_as_user = number(a, from->has_user, from->user);
	s->run_as_group = number(a, from->has_user && from->has_group, from->group);
	s->readonly_rootfs = from->readonly_rootfs;
	s->privileged = from->is_privileged;
	s->n_supplemental_groups = from->groups_count;
	s->supplemental_groups = (int64_t *)(uintptr_t)from->groups;
	s->seccomp = profile(a, from);
	return s;
}

static Cri__ContainerSecurity *container_security(struct arena *a, const struct cri_security *from)
{
	Cri__ContainerSecurity *s = NEW(a, Cri__ContainerSecurity, CRI__CONTAINER_SECURITY__INIT);
	s->capabilities = NEW(a, Cri__Capabilities, CRI__CAPABILITIES__INIT);
	s->capabilities->n_add = texts(a, &from->capabilities_add, &s->capabilities->add);
	s->capabilities->n_drop = texts(a, &from->capabilities_drop, &s->capabilities->drop);
	s->privileged = from->is_privileged;
	s->namespaces = namespaces(a, &from->namespaces);
	s->run_as_user = number(a, from->has_user, from->user);
	s->run_as_group = number(a, from->has_group, from->group);
	s->readonly_rootfs = from->readonly_rootfs;
	s->no_new_privs = from->no_new_privs;
	s->n_supplemental_groups = from->groups_count;
	s->supplemental_groups = (int64_t *)(uintptr_t)from->groups;
	s->n_masked_paths = texts(a, &from->masked_paths, &s->masked_paths);
	s->n_readonly_paths = texts(a, &from->readonly_paths, &s->readonly_paths);
	s->seccomp = profile(a, from);
	return s;
}

static size_t ports(struct arena *a, const struct cri_sandbox_config *from, Cri__PortMapping ***ret)
{
	*ret = arena_alloc(a, from->ports_count, sizeof(Cri__PortMapping *));
	for (size_t i = 0; i < from->ports_count; i++) {
		Cri__PortMapping *p = (*ret)[i] = NEW(a, Cri__PortMapping, CRI__PORT_MAPPING__INIT);
		p->protocol = (int32_t)from->ports[i].protocol;
		p->container_port = from->ports[i].container_port;
		p->host_port = from->ports[i].host_port;
		p->host_ip = text(from->ports[i].host_ip);
	}
	return from->ports_count;
}

static Cri__SandboxConfig *sandbox_config(struct arena *a, const struct cri_sandbox_config *from)
{
	if (!from)
		return NULL;
	Cri__SandboxConfig *s = NEW(a, Cri__SandboxConfig, CRI__SANDBOX_CONFIG__INIT);
	s->metadata = NEW(a, Cri__SandboxMetadata, CRI__SANDBOX_METADATA__INIT);
	s->metadata->name = text(from->name);
	s->metadata->uid = text(from->uid);
	s->metadata->namespace_ = text(from->ns);
	s->metadata->attempt = from->attempt;
	s->hostname = text(from->hostname);
	s->log_directory = text(from->log_directory);
	s->dns = NEW(a, Cri__Dns, CRI__DNS__INIT);
	s->dns->n_servers = texts(a, &from->dns_servers, &s->dns->servers);
	s->dns->n_searches = texts(a, &from->dns_searches, &s->dns->searches);
	s->dns->n_options = texts(a, &from->dns_options, &s->dns->options);
	s->n_port_mappings = ports(a, from, &s->port_mappings);
	s->n_labels = pairs(a, &from->labels, &s->labels);
	s->n_annotations = pairs(a, &from->annotations, &s->annotations);
	s->platform = NEW(a, Cri__SandboxPlatform, CRI__SANDBOX_PLATFORM__INIT);
	s->platform->cgroup_parent = text(from->cgroup_parent);
	s->platform->security = sandbox_security(a, &from->security);
	s->platform->n_sysctls = pairs(a, &from->sysctls, &s->platform->sysctls);
	s->platform->resources = resources(a, &from->resources);
	return s;
}

static size_t mounts(struct arena *a, const struct cri_container_config *from, Cri__Mount ***ret)
{
	*ret = arena_alloc(a, from->mounts_count, sizeof(Cri__Mount *));
	for (size_t i = 0; i < from->mounts_count; i++) {
		Cri__Mount *m = (*ret)[i] = NEW(a, Cri__Mount, CRI__MOUNT__INIT);
		m->container_path = text(from->mounts[i].container_path);
		m->host_path = text(from->mounts[i].host_path);
		m->readonly = from->mounts[i].is_readonly;
		m->propagation = (int32_t)from->mounts[i].propagation;
	}
	return from->mounts_count;
}

static Cri__ImageSpec *image(struct arena *a, const char *name)
{
	Cri__ImageSpec *i = NEW(a, Cri__ImageSpec, CRI__IMAGE_SPEC__INIT);
	i->image = text(name);
	return i;
}

static Cri__ContainerConfig *container_config(struct arena *a,
					      const struct cri_container_config *from)
{
	if (!from)
		return NULL;
	Cri__ContainerConfig *c = NEW(a, Cri__ContainerConfig, CRI__CONTAINER_CONFIG__INIT);
	c->metadata = NEW(a, Cri__ContainerMetadata, CRI__CONTAINER_METADATA__INIT);
	c->metadata->name = text(from->name);
	c->metadata->attempt = from->attempt;
	c->image = image(a, from->image);
	c->n_command = texts(a, &from->command, &c->command);
	c->n_args = texts(a, &from->args, &c->args);
	c->working_dir = text(from->working_dir);
	c->n_envs = pairs(a, &from->envs, &c->envs);
	c->n_mounts = mounts(a, from, &c->mounts);
	c->n_labels = pairs(a, &from->labels, &c->labels);
	c->n_annotations = pairs(a, &from->annotations, &c->annotations);
	c->log_path = text(from->log_path);
	c->stdin = from->use_stdin;
	c->stdin_once = from->stdin_once;
	c->tty = from->tty;
	c->platform = NEW(a, Cri__ContainerPlatform, CRI__CONTAINER_PLATFORM__INIT);
	c->platform->resources = resources(a, &from->resources);
	c->platform->security = container_security(a, &from->security);
	return c;
}

static Cri__AuthConfig *auth(struct arena *a, const struct cri_auth *from)
{
	if (!from)
		return NULL;
	Cri__AuthConfig *c = NEW(a, Cri__AuthConfig, CRI__AUTH_CONFIG__INIT);
	c->username = text(from->username);
	c->password = text(from->password);
	c->auth = text(from->auth);
	c->server_address = text(from->server_address);
	c->identity_token = text(from->identity_token);
	c->registry_token = text(from->registry_token);
	return c;
}

/* ---- one message an operation ---- */

static ProtobufCMessage *pack_id(struct arena *a, const struct cri_request *r)
{
	Cri__Id *m = NEW(a, Cri__Id, CRI__ID__INIT);
	m->id = text(r->id);
	return &m->base;
}

static ProtobufCMessage *pack_run_sandbox(struct arena *a, const struct cri_request *r)
{
	Cri__RunSandboxRequest *m = NEW(a, Cri__RunSandboxRequest, CRI__RUN_SANDBOX_REQUEST__INIT);
	m->config = sandbox_config(a, r->sandbox);
	return &m->base;
}

static ProtobufCMessage *pack_list_sandboxes(struct arena *a, const struct cri_request *r)
{
	Cri__ListSandboxesRequest *m =
		NEW(a, Cri__ListSandboxesRequest, CRI__LIST_SANDBOXES_REQUEST__INIT);
	m->filter = NEW(a, Cri__SandboxFilter, CRI__SANDBOX_FILTER__INIT);
	m->filter->n_labels = pairs(a, &r->labels, &m->filter->labels);
	return &m->base;
}

static ProtobufCMessage *pack_create(struct arena *a, const struct cri_request *r)
{
	Cri__CreateContainerRequest *m =
		NEW(a, Cri__CreateContainerRequest, CRI__CREATE_CONTAINER_REQUEST__INIT);
	m->sandbox_id = text(r->id);
	m->config = container_config(a, r->container);
	m->sandbox_config = sandbox_config(a, r->sandbox);
	return &m->base;
}

static ProtobufCMessage *pack_stop(struct arena *a, const struct cri_request *r)
{
	Cri__StopContainerRequest *m =
		NEW(a, Cri__StopContainerRequest, CRI__STOP_CONTAINER_REQUEST__INIT);
	m->id = text(r->id);
	m->timeout = r->timeout_s;
	return &m->base;
}

static ProtobufCMessage *pack_list_containers(struct arena *a, const struct cri_request *r)
{
	Cri__ListContainersRequest *m =
		NEW(a, Cri__ListContainersRequest, CRI__LIST_CONTAINERS_REQUEST__INIT);
	m->filter = NEW(a, Cri__ContainerFilter, CRI__CONTAINER_FILTER__INIT);
	m->filter->n_labels = pairs(a, &r->labels, &m->filter->labels);
	return &m->base;
}

static ProtobufCMessage *pack_exec_sync(struct arena *a, const struct cri_request *r)
{
	Cri__ExecSyncRequest *m = NEW(a, Cri__ExecSyncRequest, CRI__EXEC_SYNC_REQUEST__INIT);
	m->id = text(r->id);
	m->n_cmd = texts(a, &r->command, &m->cmd);
	m->timeout = r->timeout_s;
	return &m->base;
}

static ProtobufCMessage *pack_exec(struct arena *a, const struct cri_request *r)
{
	Cri__ExecRequest *m = NEW(a, Cri__ExecRequest, CRI__EXEC_REQUEST__INIT);
	m->id = text(r->id);
	m->n_cmd = texts(a, &r->command, &m->cmd);
	m->tty = r->tty;
	m->use_stdin = r->use_stdin;
	m->use_stdout = r->use_stdout;
	m->use_stderr = r->use_stderr && !r->tty;
	return &m->base;
}

static ProtobufCMessage *pack_attach(struct arena *a, const struct cri_request *r)
{
	Cri__AttachRequest *m = NEW(a, Cri__AttachRequest, CRI__ATTACH_REQUEST__INIT);
	m->id = text(r->id);
	m->tty = r->tty;
	m->use_stdin = r->use_stdin;
	m->use_stdout = r->use_stdout;
	m->use_stderr = r->use_stderr && !r->tty;
	return &m->base;
}

static ProtobufCMessage *pack_port_forward(struct arena *a, const struct cri_request *r)
{
	Cri__PortForwardRequest *m =
		NEW(a, Cri__PortForwardRequest, CRI__PORT_FORWARD_REQUEST__INIT);
	m->id = text(r->id);
	m->n_port = r->ports_count;
	m->port = (int32_t *)(uintptr_t)r->ports;
	return &m->base;
}

static ProtobufCMessage *pack_pull(struct arena *a, const struct cri_request *r)
{
	Cri__PullImageRequest *m = NEW(a, Cri__PullImageRequest, CRI__PULL_IMAGE_REQUEST__INIT);
	m->image = image(a, r->image);
	m->auth = auth(a, r->auth);
	m->sandbox_config = sandbox_config(a, r->sandbox);
	return &m->base;
}

static ProtobufCMessage *pack_image(struct arena *a, const struct cri_request *r)
{
	Cri__ImageRequest *m = NEW(a, Cri__ImageRequest, CRI__IMAGE_REQUEST__INIT);
	m->image = image(a, r->image);
	return &m->base;
}

static ProtobufCMessage *pack_update(struct arena *a, const struct cri_request *r)
{
	Cri__UpdateResourcesRequest *m =
		NEW(a, Cri__UpdateResourcesRequest, CRI__UPDATE_RESOURCES_REQUEST__INIT);
	m->id = text(r->id);
	m->resources = r->resources ? resources(a, r->resources) : NULL;
	return &m->base;
}

static ProtobufCMessage *pack_empty(struct arena *a, const struct cri_request *r)
{
	(void)r;
	Cri__Empty *m = NEW(a, Cri__Empty, CRI__EMPTY__INIT);
	return &m->base;
}

static ProtobufCMessage *(*const packers[CRI_OP_COUNT])(struct arena *,
							const struct cri_request *) = {
	[CRI_VERSION] = pack_empty,
	[CRI_STATUS] = pack_empty,
	[CRI_RUN_SANDBOX] = pack_run_sandbox,
	[CRI_STOP_SANDBOX] = pack_id,
	[CRI_REMOVE_SANDBOX] = pack_id,
	[CRI_SANDBOX_STATUS] = pack_id,
	[CRI_LIST_SANDBOXES] = pack_list_sandboxes,
	[CRI_CREATE_CONTAINER] = pack_create,
	[CRI_START_CONTAINER] = pack_id,
	[CRI_STOP_CONTAINER] = pack_stop,
	[CRI_REMOVE_CONTAINER] = pack_id,
	[CRI_CONTAINER_STATUS] = pack_id,
	[CRI_LIST_CONTAINERS] = pack_list_containers,
	[CRI_EXEC_SYNC] = pack_exec_sync,
	[CRI_EXEC] = pack_exec,
	[CRI_ATTACH] = pack_attach,
	[CRI_PORT_FORWARD] = pack_port_forward,
	[CRI_PULL_IMAGE] = pack_pull,
	[CRI_IMAGE_STATUS] = pack_image,
	[CRI_LIST_IMAGES] = pack_empty,
	[CRI_REMOVE_IMAGE] = pack_image,
	[CRI_IMAGE_FS] = pack_empty,
	[CRI_LIST_STATS] = pack_empty,
	[CRI_UPDATE_RESOURCES] = pack_update,
	[CRI_REOPEN_LOG] = pack_id,
};

static void pack(const ProtobufCMessage *m, struct str *out)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	char *to = str_reserve(out, n);
	if (to)
		str_grew(out, protobuf_c_message_pack(m, (uint8_t *)to));
}

void cri_pack(const struct cri_request *r, struct str *out)
{
	AUTO_ARENA a = { 0 };
	pack(packers[r->op](&a, r), out);
}

void cri_pack_subscribe(struct str *out)
{
	/* One filter an event kind; containerd tells what any of them matches. */
	char exit_filter[] = "topic==\"/tasks/exit\"", oom_filter[] = "topic==\"/tasks/oom\"",
	     start_filter[] = "topic==\"/tasks/start\"", image_filter[] = "topic~=\"/images/\"";
	char exec_filter[] = "topic==\"/tasks/exec-added\"",
	     delete_filter[] = "topic==\"/tasks/delete\"";
	char *filters[] = { exit_filter,  oom_filter,  start_filter,
			    image_filter, exec_filter, delete_filter };
	Cri__SubscribeRequest m = CRI__SUBSCRIBE_REQUEST__INIT;
	m.n_filters = ARRAY_LEN(filters);
	m.filters = filters;
	pack(&m.base, out);
}
