/*
 * image_archive.h - small container images made of a few files, as archives that
 * `containerd` imports (the docker-archive form: manifest.json, a config, one layer, all ustar).
 * For the pause and busybox images that every cluster brings along.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/str.h"

struct image_file {
	const char *path;   /* in the image, without a leading slash */
	const char *source; /* a file of this machine; NULL: a directory, or a link */
	const char *link;   /* the target of a symbolic link, or NULL */
	unsigned mode;
};

struct image_spec {
	const char *name; /* "localhost/pause:1" */
	const struct image_file *files;
	size_t count;
	const char *entrypoint; /* or NULL */
	const char *command;    /* or NULL */
};

/* Appends the archive to `out`. Equal inputs give equal bytes. */
int image_archive_make(const struct image_spec *spec, struct str *out, struct error *err) MUST_CHECK;
