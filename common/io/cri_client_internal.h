/*
 * cri_client_internal.h - what the files of cri_client share: packing and unpacking.
 */
#pragma once

#include "common/base/str.h"
#include "common/io/cri_client.h"
#include "common/base/arena.h"

/* The request's message as bytes. */
void cri_pack(const struct cri_request *r, struct str *out);

/* The operation's answer. Strings point into what `ret_message` holds until cri_unpack_free. */
int cri_unpack(enum cri_op op, const void *bytes, size_t len, struct arena *a,
	       struct cri_reply *reply, void **ret_message, struct error *err) MUST_CHECK;
void cri_unpack_free(void *message); /* NULL is fine */

/* containerd's events. True if it is one that we tell; then `id` is the arena's. */
void cri_pack_subscribe(struct str *out);
bool cri_unpack_event(const void *bytes, size_t len, struct arena *a, enum cri_event_type *ret_type,
		      const char **ret_id, int *ret_exit_code);
