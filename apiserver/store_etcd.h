/*
 * store_etcd.h - the two back ends on a real etcd (3.4 and later): by gRPC over HTTP/2, the
 * default, and by etcd's HTTP JSON gateway, for an etcd behind an HTTP-only path.
 *
 * Threads: the loop's.
 */
#pragma once

#include "apiserver/store_backend.h"
#include "common/io/loop.h"

struct store_etcd_options {
	/* "unix:///run/etcd.sock", "http://127.0.0.1:2379", "https://host:2379"; by gRPC several of one
	 * kind, with commas: where one fails the next is used. */
	const char *endpoint;
	const char *ca_file, *cert_file, *key_file; /* https: PEM files, or NULL */
};

/* Options are copied. ERR_INVALID: the endpoint is none, or a file cannot be read. */
int store_etcd_grpc_new(struct loop *loop, const struct store_etcd_options *options,
			struct store_backend **ret, struct error *err) MUST_CHECK;
int store_etcd_json_new(struct loop *loop, const struct store_etcd_options *options,
			struct store_backend **ret, struct error *err) MUST_CHECK;
