#include "apiserver/store_etcd_internal.h"

#include <stdio.h>
#include <sys/statvfs.h>

#define DISK_FULL_BYTES (4u << 20)

/* ---- endpoints ---- */

int etcd_endpoint_parse(const char *text, struct etcd_endpoint *ret, struct error *err)
{
	*ret = (struct etcd_endpoint){ 0 };
	if (starts_with(text, "unix://")) {
		ret->unix_socket = xstrdup(text + strlen("unix://"));
		return 0;
	}
	ret->is_tls = starts_with(text, "https://");
	if (!ret->is_tls && !starts_with(text, "http://"))
		return error_set(err, ERR_INVALID,
				 "'%s': an etcd endpoint is unix://PATH, "
				 "http://HOST:PORT or https://HOST:PORT",
				 text);
	const char *host = strstr(text, "://") + 3;
	const char *colon = strrchr(host, ':');
	char *end = NULL;
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
	if (!colon || colon == host || port == 0 || port > 65535 || (*end && !streq(end, "/")))
		return error_set(err, ERR_INVALID, "'%s' has no port", text);
	bool has_brackets = host[0] == '[' && colon[-1] == ']';
	ret->host = has_brackets ? xstrndup(host + 1, (size_t)(colon - host) - 2)
				 : xstrndup(host, (size_t)(colon - host));
	ret->port = (uint16_t)port;
	return 0;
}

void etcd_endpoint_fini(struct etcd_endpoint *e)
{
	free(e->unix_socket);
	free(e->host);
	*e = (struct etcd_endpoint){ 0 };
}

const char *etcd_disk_hint(const char *unix_socket)
{
	static char hint[300];
	struct statvfs disk;
	if (!unix_socket)
		return "";
	const char *slash = strrchr(unix_socket, '/');
	auto_free char *dir = xstrndup(unix_socket, slash ? (size_t)(slash - unix_socket) : 0);
	if (statvfs(dir, &disk) < 0 || (uint64_t)disk.f_bavail * disk.f_frsize >= DISK_FULL_BYTES ||
	    snprintf(hint, sizeof hint, " (the disk of %s is full: make room)", dir) < 0)
		return "";
	return hint;
}

/* ---- what etcd says ---- */

enum {
	STATUS_INVALID_ARGUMENT = 3,
	STATUS_NOT_FOUND = 5,
	STATUS_RESOURCE_EXHAUSTED = 8,
	STATUS_FAILED_PRECONDITION = 9,
	STATUS_OUT_OF_RANGE = 11,
	STATUS_UNIMPLEMENTED = 12,
	STATUS_UNAUTHENTICATED = 16,
	STATUS_PERMISSION_DENIED = 7
};

enum backend_outcome etcd_outcome(int grpc_status, const char *message, bool may_have_run)
{
	static const struct {
		const char *part;
		enum backend_outcome outcome;
	} texts[] = {
		{ "request is too large", BACKEND_TOO_LARGE },
		{ "received message larger than max", BACKEND_TOO_LARGE },
		{ "database space exceeded", BACKEND_FULL },
		{ "no space left", BACKEND_FULL },
		{ "lease not found", BACKEND_LEASE_GONE },
		{ "required revision has been compacted", BACKEND_COMPACTED },
		{ "too many requests", BACKEND_NOT_RUN },
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strstr(message, texts[i].part))
			return texts[i].outcome;
	switch (grpc_status) {
	case 0:
		return BACKEND_OK;
	case STATUS_INVALID_ARGUMENT:
	case STATUS_NOT_FOUND:
	case STATUS_FAILED_PRECONDITION:
	case STATUS_OUT_OF_RANGE:
	case STATUS_UNIMPLEMENTED:
	case STATUS_UNAUTHENTICATED:
	case STATUS_PERMISSION_DENIED:
		return BACKEND_REFUSED;
	case STATUS_RESOURCE_EXHAUSTED: /* our own limit of a message, too */
		return BACKEND_TOO_LARGE;
	default: /* etcd may have put it into its log before it timed out or died */
		return may_have_run ? BACKEND_UNKNOWN : BACKEND_NOT_RUN;
	}
}

enum err_code etcd_outcome_code(enum backend_outcome outcome)
{
	switch (outcome) {
	case BACKEND_COMPACTED:
		return ERR_GONE;
	case BACKEND_TOO_LARGE:
	case BACKEND_FULL:
		return ERR_LIMIT;
	case BACKEND_REFUSED:
		return ERR_INVALID;
	case BACKEND_OK:
	case BACKEND_NOT_RUN:
	case BACKEND_UNKNOWN:
	case BACKEND_LEASE_GONE:
	case BACKEND_OUTCOME_COUNT:
		break;
	}
	return ERR_UNAVAILABLE;
}

/* ---- pairs ---- */

void etcd_kvs_add(struct etcd_kvs *k, const void *key, size_t key_len, const void *value,
		  size_t len, uint64_t create_revision, uint64_t mod_revision)
{
	if (k->count == k->size) {
		k->size = k->size ? 2 * k->size : 16;
		k->at = xrealloc(k->at, k->size, sizeof *k->at);
		k->keys = xrealloc(k->keys, k->size, sizeof(char *));
	}
	k->keys[k->count] = xstrndup(key_len ? key : "", key_len);
	k->at[k->count] =
		(struct backend_kv){ k->keys[k->count], value, len, create_revision, mod_revision };
	k->count++;
}

void etcd_kvs_fini(struct etcd_kvs *k)
{
	for (size_t i = 0; i < k->count; i++)
		free(k->keys[i]);
	free(k->keys);
	free(k->at);
	*k = (struct etcd_kvs){ 0 };
}
