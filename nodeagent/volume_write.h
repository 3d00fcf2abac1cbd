/*
 * volume_write.h - puts a volume_set on disk and takes it away. Blocking: on a worker
 * (loop_offload), with a set of its own.
 *
 * Files are replaced as the kubelet does: a new hidden directory named after the contents, then
 * the link `..data` is renamed onto it, so a reader sees all old files or all new ones.
 */
#pragma once

#include "nodeagent/volume_plan.h"

/* Making what is there already is harmless; unchanged files are left alone. */
int volume_set_write(const struct volume_set *s, struct error *err) MUST_CHECK;

/* The pod's directory with everything mounted in it, and its logs. */
int volume_set_remove(const char *pod_dir, const char *log_dir, struct error *err) MUST_CHECK;

/* The pod's cgroup in every hierarchy, which runtimes leave behind empty. */
void volume_remove_cgroup(const char *cgroup_parent, const char *uid);

/* A small file below a pod's directory (etc-hosts, messages/…), written anew in place: a
 * container may have it mounted. */
int volume_write_file(const char *path, const char *text, size_t len, unsigned mode,
		      struct error *err) MUST_CHECK;

/* Make the directories of a subPath below `root`, never leaving it by links. */
int volume_make_subpath(const char *root, const char *sub, struct error *err) MUST_CHECK;

/* mkdir -p */
int volume_make_dirs(const char *path, unsigned mode, struct error *err) MUST_CHECK;
