/*
 * store_etcd_internal.h - what the two etcd back ends share (store_etcd.c): endpoints, what
 * etcd's errors mean, calls under way, and the list of events on their way to the store.
 */
#pragma once

#include "apiserver/store_backend.h"
#include "apiserver/store_etcd.h"

/* "unix:///path", "http://host:port", "https://host:port". */
struct etcd_endpoint {
	char *unix_socket; /* or NULL: */
	char *host;
	uint16_t port;
	bool is_tls;
};
int etcd_endpoint_parse(const char *text, struct etcd_endpoint *ret, struct error *err) MUST_CHECK;
void etcd_endpoint_fini(struct etcd_endpoint *e);
/* An etcd of this machine does not start on a full disk, and cannot say so: a hint for people, or
 * "". Borrowed until the next call. */
const char *etcd_disk_hint(const char *unix_socket);

/* gRPC status and message (the JSON gateway gives both, too) to our outcomes. may_have_run:
 * what to think where neither says. */
enum backend_outcome etcd_outcome(int grpc_status, const char *message, bool may_have_run);
/* ERR_* of an outcome, for texts. */
enum err_code etcd_outcome_code(enum backend_outcome outcome);

/* Key-value pairs on their way to the store: keys NUL-terminated, memory in one arena. */
struct etcd_kvs {
	struct backend_kv *at;
	size_t count, size;
	char **keys; /* owned copies */
};
void etcd_kvs_add(struct etcd_kvs *k, const void *key, size_t key_len, const void *value,
		  size_t len, uint64_t create_revision, uint64_t mod_revision);
void etcd_kvs_fini(struct etcd_kvs *k);
#define AUTO_ETCD_KVS __attribute__((cleanup(etcd_kvs_fini))) struct etcd_kvs
