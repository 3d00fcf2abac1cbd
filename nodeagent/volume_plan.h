/*
 * volume_plan.h - what must lie on disk for a pod: its directories and the files of its
 * configMap, secret, downwardAPI and projected volumes, as a list of contents. Pure;
 * volume_write.h performs it on a worker thread, so a set owns everything it holds.
 */
#pragma once

#include "nodeagent/pod_env.h"
#include "nodeagent/pod_paths.h"

enum volume_kind {
	VOLUME_DIRECTORY, /* emptyDir on disk */
	VOLUME_MEMORY,    /* emptyDir in memory */
	VOLUME_FILES,     /* written atomically, replaced when they change */
	VOLUME_HOST,      /* a path of the host: checked or made by its type */
	VOLUME_KIND_COUNT,
};

struct volume_file {
	char *path; /* relative, checked */
	char *bytes;
	size_t len;
	unsigned mode;
};

struct volume {
	char *name;
	char *dir; /* or the host's path */
	enum volume_kind kind;
	int64_t size_limit; /* VOLUME_MEMORY; 0: none */
	char *host_type;    /* "", "Directory", "DirectoryOrCreate", "File", … */
	struct volume_file *files;
	size_t files_count;
	bool has_group;
	int64_t group; /* fsGroup */
};

struct volume_set {
	char *pod_dir, *log_dir;
	struct volume *at;
	size_t count;
};
void volume_set_fini(struct volume_set *s); /* {0} is fine */

/* ERR_NOT_FOUND, ERR_INVALID: the text is what the event says. */
int volume_set_make(const struct pod_context *p, const struct pod_paths *paths,
		    struct volume_set *ret, struct error *err) MUST_CHECK;

/* True if contents may change while the pod runs (then look again now and then). */
bool volume_set_changes(const json_t *pod);
/* True if some of them are the user's (not only what every pod gets to talk to the API), who
 * waits to see his change. */
bool volume_set_changes_soon(const json_t *pod);
