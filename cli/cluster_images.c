/* The images that every cluster brings along, made on this machine and put into containerd. */
#include "cli/cluster_images.h"
#include "cli/files.h"
#include "cli/image_archive.h"

#include <stdio.h>

#define ARCHIVE_MAX  (256u << 20)
#define APPLETS_MAX  600
#define BUSYBOX      "/bin/busybox"

static int make_pause(const struct cluster *c, const char *path, struct error *err)
{
	auto_free char *pause = cluster_find_tool(c, "skiff-pause");
	if (!pause)
		return error_set(err, ERR_NOT_FOUND, "skiff-pause is not beside this program");
	struct image_file files[] = { { "pause", pause, NULL, 0755 } };
	struct image_spec spec = { "localhost/pause:1", files, 1, "/pause", NULL };
	AUTO_STR archive;
	str_init(&archive, ARCHIVE_MAX);
	int code = image_archive_make(&spec, &archive, err);
	return code < 0 ? code : file_write(path, archive.data, archive.len, 0644, err);
}

static int list_applets(struct str *out, struct error *err)
{
	int code;
	const char *const argv[] = { BUSYBOX, "--list", NULL };
	if (!file_exists(BUSYBOX))
		return error_set(err, ERR_NOT_FOUND,
				 "no " BUSYBOX ": install the package busybox-static");
	return command_run(argv, out, 10000, &code, err);
}

/* Busybox with a link for each of its commands, and the few files that programs expect. */
static int make_busybox(const struct cluster *c, const char *path, struct error *err)
{
	AUTO_STR names, archive;
	str_init(&names, 65536);
	str_init(&archive, ARCHIVE_MAX);
	int code = list_applets(&names, err);
	if (code < 0)
		return code;
	auto_free char *passwd = cluster_path(c, "images/passwd");
	static const char root[] = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n";
	code = file_write(passwd, root, sizeof root - 1, 0644, err);
	if (code < 0)
		return code;
	struct image_file *files = xcalloc(APPLETS_MAX + 16, sizeof *files);
	size_t n = 0;
	static const char *const dirs[] = { "bin", "etc", "root", "var", "www" };
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		files[n++] = (struct image_file){ dirs[i], NULL, NULL, 0755 };
	files[n++] = (struct image_file){ "tmp", NULL, NULL, 01777 };
	files[n++] = (struct image_file){ "etc/passwd", passwd, NULL, 0644 };
	files[n++] = (struct image_file){ "bin/busybox", BUSYBOX, NULL, 0755 };
	char *paths[APPLETS_MAX];
	size_t links = 0;
	char *rest = names.data;
	for (char *name; links < APPLETS_MAX && (name = strsep(&rest, "\n")) != NULL;)
		if (*name && !streq(name, "busybox")) {
			paths[links] = xasprintf("bin/%s", name);
			files[n++] = (struct image_file){ paths[links++], NULL, "busybox", 0 };
		}
	struct image_spec spec = { "localhost/busybox:1", files, n, NULL, "sh" };
	code = image_archive_make(&spec, &archive, err);
	for (size_t i = 0; i < links; i++)
		free(paths[i]);
	free(files);
	return code < 0 ? code : file_write(path, archive.data, archive.len, 0644, err);
}

int cluster_make_images(const struct cluster *c, struct error *err)
{
	auto_free char *dir = cluster_path(c, "images");
	auto_free char *pause = cluster_path(c, "images/pause.tar");
	auto_free char *busybox = cluster_path(c, "images/busybox.tar");
	int code = dir_make(dir, 0755, err);
	if (code == 0)
		code = make_pause(c, pause, err);
	if (code == 0 && !file_exists(busybox))
		code = make_busybox(c, busybox, err);
	return code;
}

int cluster_import_image(const struct cluster *c, const struct cluster_node *n,
			 const char *archive, struct error *err)
{
	auto_free char *ctr = cluster_find_tool(c, "ctr");
	auto_free char *socket = cluster_path(c, "run/c-%s.sock", n->name);
	if (!ctr)
		return error_set(err, ERR_NOT_FOUND, "containerd's 'ctr' is not on this machine");
	return command_must(err, ctr, "--address", socket, "--namespace", "k8s.io", "images",
			    "import", archive, NULL);
}
