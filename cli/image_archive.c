#include "cli/image_archive.h"
#include "cli/files.h"
#include "common/base/jsonx.h"
#include "common/io/tls.h"

#include <stdio.h>

#define BLOCK     512
#define FILE_MAX  (64u << 20)
#define LAYER_MAX (256u << 20)

/* The ustar header (POSIX.1-1988). Numbers are octal text. */
struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
	char link[100], magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155];
	char pad[12];
};
_Static_assert(sizeof(struct tar_header) == BLOCK, "a tar header is one block");

static void octal(char *to, size_t size, uint64_t value)
{
	for (size_t i = size - 1; i-- > 0; value >>= 3)
		to[i] = (char)('0' + (value & 7));
	to[size - 1] = '\0';
}

static int add_entry(struct str *out, const char *name, unsigned mode, char type, const char *link,
		     const void *bytes, size_t n, struct error *err)
{
	struct tar_header h = { 0 };
	if (strlen(name) >= sizeof h.name || (link && strlen(link) >= sizeof h.link))
		return error_set(err, ERR_LIMIT, "name too long for the archive: %s", name);
	memcpy(h.name, name, strlen(name));
	octal(h.mode, sizeof h.mode, mode);
	octal(h.uid, sizeof h.uid, 0);
	octal(h.gid, sizeof h.gid, 0);
	octal(h.size, sizeof h.size, n);
	octal(h.mtime, sizeof h.mtime, 0);
	h.type = type;
	if (link)
		memcpy(h.link, link, strlen(link));
	memcpy(h.magic, "ustar", 6);
	memcpy(h.version, "00", 2);
	memset(h.checksum, ' ', sizeof h.checksum);
	unsigned sum = 0;
	const unsigned char *p = (const unsigned char *)&h;
	for (size_t i = 0; i < sizeof h; i++)
		sum += p[i];
	octal(h.checksum, 7, sum);
	static const char zeros[BLOCK];
	str_add_bytes(out, &h, sizeof h);
	str_add_bytes(out, bytes, n);
	str_add_bytes(out, zeros, (BLOCK - n % BLOCK) % BLOCK);
	return 0;
}

static void add_end(struct str *out)
{
	static const char zeros[2 * BLOCK];
	str_add_bytes(out, zeros, sizeof zeros);
}

static int add_file(struct str *layer, const struct image_file *f, struct error *err)
{
	if (f->link)
		return add_entry(layer, f->path, 0777, '2', f->link, NULL, 0, err);
	if (!f->source)
		return add_entry(layer, f->path, f->mode, '5', NULL, NULL, 0, err);
	AUTO_STR bytes;
	str_init(&bytes, FILE_MAX);
	int code = file_read(f->source, &bytes, err);
	return code < 0 ? code :
			  add_entry(layer, f->path, f->mode, '0', NULL, bytes.data, bytes.len, err);
}

static void sha256_hex(const struct str *bytes, char out[65])
{
	uint8_t digest[TLS_SHA256_SIZE];
	tls_sha256(bytes->data, bytes->len, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void config_text(const struct image_spec *spec, const char *layer_sha, struct str *out)
{
	auto_free char *diff = xasprintf("sha256:%s", layer_sha);
	json_t *config = json_pack("{s:[s]}", "Env",
				   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	if (spec->entrypoint)
		json_object_set_new(config, "Entrypoint", json_pack("[s]", spec->entrypoint));
	if (spec->command)
		json_object_set_new(config, "Cmd", json_pack("[s]", spec->command));
	AUTO_JSON *tree = json_pack("{s:s,s:s,s:s,s:o,s:{s:s,s:[s]}}", "created",
				    "1970-01-01T00:00:00Z", "architecture", "amd64", "os", "linux",
				    "config", config, "rootfs", "type", "layers", "diff_ids",
				    diff);
	json_print(tree, out);
}

int image_archive_make(const struct image_spec *spec, struct str *out, struct error *err)
{
	AUTO_STR layer, config, manifest;
	str_init(&layer, LAYER_MAX);
	str_init(&config, 65536);
	str_init(&manifest, 65536);
	for (size_t i = 0; i < spec->count; i++)
		if (add_file(&layer, &spec->files[i], err) < 0)
			return error_wrap(err, "image %s", spec->name);
	add_end(&layer);
	char layer_sha[65], config_sha[65];
	sha256_hex(&layer, layer_sha);
	config_text(spec, layer_sha, &config);
	sha256_hex(&config, config_sha);
	auto_free char *config_name = xasprintf("%s.json", config_sha);
	auto_free char *layer_name = xasprintf("%.32s/layer.tar", layer_sha);
	AUTO_JSON *tree = json_pack("[{s:s,s:[s],s:[s]}]", "Config", config_name, "RepoTags",
				    spec->name, "Layers", layer_name);
	json_print(tree, &manifest);
	int code = add_entry(out, config_name, 0644, '0', NULL, config.data, config.len, err);
	if (code == 0)
		code = add_entry(out, layer_name, 0644, '0', NULL, layer.data, layer.len, err);
	if (code == 0)
		code = add_entry(out, "manifest.json", 0644, '0', NULL, manifest.data,
				 manifest.len, err);
	add_end(out);
	return code < 0 ? code : str_check(out, spec->name, err);
}
