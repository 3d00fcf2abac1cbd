#include "common/io/cri_client_internal.h"

#include "proto/cri.pb-c.h"

const char *cri_pairs_get(const struct cri_pairs *pairs, const char *key)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (streq(pairs->at[i].key, key))
			return pairs->at[i].value;
	return NULL;
}

/* ---- from protobuf-c's structures to ours; strings are borrowed from the message ---- */

static struct cri_pairs pairs(struct arena *a, Cri__Pair **from, size_t n)
{
	struct cri_pair *at = arena_alloc(a, n, sizeof(*at));
	for (size_t i = 0; i < n; i++)
		at[i] = (struct cri_pair){ from[i]->key, from[i]->value };
	return (struct cri_pairs){ at, n };
}

static struct cri_texts texts(char **from, size_t n)
{
	return (struct cri_texts){ (const char *const *)from, n };
}

static void set_metadata(struct cri_sandbox *s, const Cri__SandboxMetadata *m)
{
	s->name = m ? m->name : "";
	s->uid = m ? m->uid : "";
	s->ns = m ? m->namespace_ : "";
	s->attempt = m ? m->attempt : 0;
}

static void unpack_sandbox_status(struct arena *a, const void *message, struct cri_reply *reply)
{
	const Cri__SandboxStatusResponse *m = message;
	const Cri__SandboxStatus *from = m->status;
	if (!from)
		return;
	struct cri_sandbox *s = arena_alloc(a, 1, sizeof(*s));
	set_metadata(s, from->metadata);
	s->id = from->id;
	s->is_ready = from->state == 0;
	s->created_ns = from->created_at;
	s->labels = pairs(a, from->labels, from->n_labels);
	s->annotations = pairs(a, from->annotations, from->n_annotations);
	size_t extra = from->network ? from->network->n_additional_ips : 0;
	const char **ips = arena_alloc(a, extra + 1, sizeof(*ips));
	if (from->network && from->network->ip[0])
		ips[s->ips.count++] = from->network->ip;
	for (size_t i = 0; i < extra; i++)
		ips[s->ips.count++] = from->network->additional_ips[i]->ip;
	s->ips.at = ips;
	reply->sandboxes = s;
	reply->sandboxes_count = 1;
}

static void unpack_sandboxes(struct arena *a, const void *message, struct cri_reply *reply)
{
	const Cri__ListSandboxesResponse *m = message;
	struct cri_sandbox *s = arena_alloc(a, m->n_items, sizeof(*s));
	for (size_t i = 0; i < m->n_items; i++) {
		const Cri__Sandbox *from = m->items[i];
		set_metadata(&s[i], from->metadata);
		s[i].id = from->id;
		s[i].is_ready = from->state == 0;
		s[i].created_ns = from->created_at;
		s[i].labels = pairs(a, from->labels, from->n_labels);
		s[i].annotations = pairs(a, from->annotations, from->n_annotations);
	}
	reply->sandboxes = s;
	reply->sandboxes_count = m->n_items;
}

static enum cri_container_state container_state(int32_t state)
{
	return state >= CRI_CREATED && state <= CRI_UNKNOWN ? (enum cri_container_state)state
							    : CRI_UNKNOWN;
}

static void unpack_container_status(struct arena *a, const void *message, struct cri_reply *reply)
{
	const Cri__ContainerStatusResponse *m = message;
	const Cri__ContainerStatus *from = m->status;
	if (!from)
		return;
	struct cri_container *c = arena_alloc(a, 1, sizeof(*c));
	*c = (struct cri_container){
		.id = from->id,
		.sandbox_id = "",
		.name = from->metadata ? from->metadata->name : "",
		.attempt = from->metadata ? from->metadata->attempt : 0,
		.image = from->image ? from->image->image : "",
		.image_ref = from->image_ref,
		.state = container_state(from->state),
		.created_ns = from->created_at,
		.started_ns = from->started_at,
		.finished_ns = from->finished_at,
		.exit_code = from->exit_code,
		.reason = from->reason,
		.message = from->message,
		.log_path = from->log_path,
		.labels = pairs(a, from->labels, from->n_labels),
		.annotations = pairs(a, from->annotations, from->n_annotations),
	};
	reply->containers = c;
	reply->containers_count = 1;
}

static void unpack_containers(struct arena *a, const void *message, struct cri_reply *reply)
{
	const Cri__ListContainersResponse *m = message;
	struct cri_container *c = arena_alloc(a, m->n_items, sizeof(*c));
	for (size_t i = 0; i < m->n_items; i++) {
		const Cri__Container *from = m->items[i];
		c[i] = (struct cri_container){
			.id = from->id,
			.sandbox_id = from->sandbox_id,
			.name = from->metadata ? from->metadata->name : "",
			.attempt = from->metadata ? from->metadata->attempt : 0,
			.image = from->image ? from->image->image : "",
			.image_ref = from->image_ref,
			.state = container_state(from->state),
			.created_ns = from->created_at,
			.reason = "",
			.message = "",
			.log_path = "",
			.labels = pairs(a, from->labels, from->n_labels),
			.annotations = pairs(a, from->annotations, from->n_annotations),
		};
	}
	reply->containers = c;
	reply->containers_count = m->n_items;
}

static struct cri_image image(const Cri__Image *from)
{
	return (struct cri_image){
		.id = from->id,
		.tags = texts(from->repo_tags, from->n_repo_tags),
		.digests = texts(from->repo_digests, from->n_repo_digests),
		.size = from->size,
		.has_uid = from->uid != NULL,
		.uid = from->uid ? from->uid->value : 0,
		.username = from->username,
		.is_pinned = from->pinned,
	};
}

static void unpack_image_status(struct arena *a, const void *message, struct cri_reply *reply)
{
	const Cri__ImageStatusResponse *m = message;
	if (!m->image)
		return;
	struct cri_image *i = arena_alloc(a, 1, sizeof(*i));
	*i = image(m->image);
	reply->images = i;
	reply->images_count = 1;
}

static void unpack_images(struct arena *a, const void *message, struct cri_reply *reply)
{
	const Cri__ListImagesResponse *m = message;
	struct cri_image *list = arena_alloc(a, m->n_images, sizeof(*list));
	for (size_t i = 0; i < m->n_images; i++)
		list[i] = image(m->images[i]);
	reply->images = list;
	reply->images_count = m->n_images;
}

static void unpack_version(struct arena *a, const void *message, struct cri_reply *reply)
{
	const Cri__VersionResponse *m = message;
	(void)a;
	reply->runtime_name = m->runtime_name;
	reply->runtime_version = m->runtime_version;
}

static void unpack_status(struct arena *a, const void *message, struct cri_reply *reply)
{
	const Cri__StatusResponse *m = message;
	size_t n = m->status ? m->status->n_conditions : 0;
	struct cri_condition *c = arena_alloc(a, n, sizeof(*c));
	for (size_t i = 0; i < n; i++) {
		const Cri__Condition *from = m->status->conditions[i];
		c[i] = (struct cri_condition){ from->type, from->reason, from->message,
					       from->status };
	}
	reply->conditions = c;
	reply->conditions_count = n;
}

static void unpack_exec_sync(struct arena *a, const void *message, struct cri_reply *reply)
{
	const Cri__ExecSyncResponse *m = message;
	(void)a;
	reply->out = m->stdout_bytes.data ? (const char *)m->stdout_bytes.data : "";
	reply->out_len = m->stdout_bytes.len;
	reply->err = m->stderr_bytes.data ? (const char *)m->stderr_bytes.data : "";
	reply->err_len = m->stderr_bytes.len;
	reply->exit_code = m->exit_code;
}

static void unpack_image_fs(struct arena *a, const void *message, struct cri_reply *reply)
{
	const Cri__ImageFsResponse *m = message;
	(void)a;
	reply->fs_path = "";
	for (size_t i = 0; i < m->n_image_filesystems; i++) {
		const Cri__FilesystemUsage *u = m->image_filesystems[i];
		reply->fs_used_bytes += u->used_bytes ? u->used_bytes->value : 0;
		if (u->fs_id)
			reply->fs_path = u->fs_id->mountpoint;
	}
}

static uint64_t value_of(const Cri__Uint64 *n)
{
	return n ? n->value : 0;
}

static void unpack_stats(struct arena *a, const void *message, struct cri_reply *reply)
{
	const Cri__ListStatsResponse *m = message;
	struct cri_stats *list = arena_alloc(a, m->n_stats, sizeof(*list));
	size_t n = 0;
	for (size_t i = 0; i < m->n_stats; i++) {
		const Cri__ContainerStats *from = m->stats[i];
		if (!from->attributes)
			continue;
		struct cri_stats *s = &list[n++];
		s->id = from->attributes->id;
		s->name = from->attributes->metadata ? from->attributes->metadata->name : "";
		s->labels = pairs(a, from->attributes->labels, from->attributes->n_labels);
		if (from->cpu) {
			s->timestamp_ns = from->cpu->timestamp;
			s->cpu_ns = value_of(from->cpu->usage_core_ns);
		}
		if (from->memory) {
			s->memory_working_set = value_of(from->memory->working_set);
			s->memory_usage = value_of(from->memory->usage);
			s->memory_rss = value_of(from->memory->rss);
		}
		if (from->writable_layer)
			s->disk_used = value_of(from->writable_layer->used_bytes);
	}
	reply->stats = list;
	reply->stats_count = n;
}

static void unpack_text(struct arena *a, const void *message, struct cri_reply *reply)
{
	const Cri__Id *m = message;
	(void)a;
	reply->text = m->id;
}

static void unpack_nothing(struct arena *a, const void *message, struct cri_reply *reply)
{
	(void)a;
	(void)message;
	(void)reply;
}

struct unpacker {
	const ProtobufCMessageDescriptor *type;
	void (*unpack)(struct arena *a, const void *message, struct cri_reply *reply);
};

#define NOTHING                                                                                    \
	{                                                                                          \
		&cri__empty__descriptor, unpack_nothing                                            \
	}
#define TEXT                                                                                       \
	{                                                                                          \
		&cri__id__descriptor, unpack_text                                                  \
	}

static const struct unpacker unpackers[CRI_OP_COUNT] = {
	[CRI_VERSION] = { &cri__version_response__descriptor, unpack_version },
	[CRI_STATUS] = { &cri__status_response__descriptor, unpack_status },
	[CRI_RUN_SANDBOX] = TEXT,
	[CRI_STOP_SANDBOX] = NOTHING,
	[CRI_REMOVE_SANDBOX] = NOTHING,
	[CRI_SANDBOX_STATUS] = { &cri__sandbox_status_response__descriptor, unpack_sandbox_status },
	[CRI_LIST_SANDBOXES] = { &cri__list_sandboxes_response__descriptor, unpack_sandboxes },
	[CRI_CREATE_CONTAINER] = TEXT,
	[CRI_START_CONTAINER] = NOTHING,
	[CRI_STOP_CONTAINER] = NOTHING,
	[CRI_REMOVE_CONTAINER] = NOTHING,
	[CRI_CONTAINER_STATUS] = { &cri__container_status_response__descriptor,
				   unpack_container_status },
	[CRI_LIST_CONTAINERS] = { &cri__list_containers_response__descriptor, unpack_containers },
	[CRI_EXEC_SYNC] = { &cri__exec_sync_response__descriptor, unpack_exec_sync },
	[CRI_EXEC] = TEXT,
	[CRI_ATTACH] = TEXT,
	[CRI_PORT_FORWARD] = TEXT,
	[CRI_PULL_IMAGE] = TEXT,
	[CRI_IMAGE_STATUS] = { &cri__image_status_response__descriptor, unpack_image_status },
	[CRI_LIST_IMAGES] = { &cri__list_images_response__descriptor, unpack_images },
	[CRI_REMOVE_IMAGE] = NOTHING,
	[CRI_IMAGE_FS] = { &cri__image_fs_response__descriptor, unpack_image_fs },
	[CRI_LIST_STATS] = { &cri__list_stats_response__descriptor, unpack_stats },
	[CRI_UPDATE_RESOURCES] = NOTHING,
	[CRI_REOPEN_LOG] = NOTHING,
};

int cri_unpack(enum cri_op op, const void *bytes, size_t len, struct arena *a,
	       struct cri_reply *reply, void **ret_message, struct error *err)
{
	const struct unpacker *u = &unpackers[op];
	ProtobufCMessage *m = protobuf_c_message_unpack(u->type, NULL, len, bytes);
	if (!m)
		return error_set(err, ERR_INTERNAL, "%s: the answer cannot be read",
				 cri_op_name(op));
	u->unpack(a, m, reply);
	*ret_message = m;
	return 0;
}

void cri_unpack_free(void *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

/* ---- events ---- */

/* TaskExit; TaskExecAdded is the same in what it has. An exec carries its own id besides the
 * container's. */
static bool unpack_task(const Cri__Any *any, struct arena *a, enum cri_event_type *type,
			const char **ret_id, int *exit_code)
{
	Cri__TaskExit *m = cri__task_exit__unpack(NULL, any->value.len, any->value.data);
	if (!m)
		return false;
	bool is_init = m->id[0] == '\0' || streq(m->id, m->container_id);
	if (is_init) {
		*ret_id = arena_text(a, m->container_id);
	} else {
		*ret_id = arena_format(a, "%s/%s", m->container_id, m->id);
		if (*type == CRI_EVENT_EXIT)
			*type = CRI_EVENT_EXEC_EXIT;
	}
	*exit_code = (int)m->exit_status;
	cri__task_exit__free_unpacked(m, NULL);
	return !is_init || *type == CRI_EVENT_EXIT;
}

/* TaskStart, TaskDelete and TaskOOM, and the images' events: one text in field 1. */
static bool unpack_first_text(const Cri__Any *any, struct arena *a, const char **ret_id)
{
	Cri__TaskOom *m = cri__task_oom__unpack(NULL, any->value.len, any->value.data);
	if (!m)
		return false;
	*ret_id = arena_text(a, m->container_id);
	cri__task_oom__free_unpacked(m, NULL);
	return true;
}

bool cri_unpack_event(const void *bytes, size_t len, struct arena *a, enum cri_event_type *ret_type,
		      const char **ret_id, int *ret_exit_code)
{
	Cri__Envelope *e = cri__envelope__unpack(NULL, len, bytes);
	bool is_ours = false;
	*ret_exit_code = 0;
	if (!e)
		return false;
	if (e->event && streq(e->namespace_, "k8s.io")) {
		if (streq(e->topic, "/tasks/exit")) {
			*ret_type = CRI_EVENT_EXIT;
			is_ours = unpack_task(e->event, a, ret_type, ret_id, ret_exit_code);
		} else if (streq(e->topic, "/tasks/exec-added")) {
			*ret_type = CRI_EVENT_EXEC_ADDED;
			is_ours = unpack_task(e->event, a, ret_type, ret_id, ret_exit_code);
		} else if (streq(e->topic, "/tasks/delete")) {
			*ret_type = CRI_EVENT_DELETE;
			is_ours = unpack_first_text(e->event, a, ret_id);
		} else if (streq(e->topic, "/tasks/oom")) {
			*ret_type = CRI_EVENT_OOM;
			is_ours = unpack_first_text(e->event, a, ret_id);
		} else if (streq(e->topic, "/tasks/start")) {
			*ret_type = CRI_EVENT_START;
			is_ours = unpack_first_text(e->event, a, ret_id);
		} else if (starts_with(e->topic, "/images/")) {
			*ret_type = CRI_EVENT_IMAGE;
			is_ours = unpack_first_text(e->event, a, ret_id);
		}
	}
	cri__envelope__free_unpacked(e, NULL);
	return is_ours;
}
