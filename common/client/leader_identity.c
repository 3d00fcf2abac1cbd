#include "common/client/leader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#define ID_LEN 8

/* The ID that stands in the file, or a new one if none does. */
static int read_id(int fd, const char *path, uint64_t seed, char out[ID_LEN + 1], struct error *err)
{
	ssize_t n = pread(fd, out, ID_LEN, 0);
	out[ID_LEN] = '\0';
	if (n == ID_LEN && strspn(out, "0123456789abcdef") == ID_LEN)
		return 0;
	auto_free char *text = xasprintf("%08x\n", (unsigned)seed);
	if (n < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, text, ID_LEN + 1, 0) != ID_LEN + 1)
		return error_set(err, ERR_INVALID, "identity file %s: %s", path, strerror(errno));
	memcpy(out, text, ID_LEN);
	return 0;
}

int leader_identity_open(const char *path, uint64_t seed, struct leader_identity *ret,
			 struct error *err)
{
	char host[256] = "", id[ID_LEN + 1] = "";
	unsigned life = (unsigned)(seed >> 32);
	if (gethostname(host, sizeof host - 1) < 0)
		host[0] = '\0';
	auto_close int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (path && fd < 0)
		return error_set(err, ERR_INVALID, "identity file %s: %s", path, strerror(errno));
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
		*ret = (struct leader_identity){ .lock_fd = -1,
						 .name = xasprintf("%s_%08x", host, life) };
		return 0;
	}
	if (read_id(fd, path, seed, id, err) < 0)
		return err->code;
	*ret = (struct leader_identity){ .lock_fd = TAKE_FD(fd),
					 .name = xasprintf("%s_%s_%08x", host, id, life),
					 .former = xasprintf("%s_%s_", host, id) };
	return 0;
}

void leader_identity_fini(struct leader_identity *i)
{
	if (i->lock_fd >= 0)
		close(i->lock_fd);
	free(i->name);
	free(i->former);
	*i = (struct leader_identity){ .lock_fd = -1 };
}
