/*
 * accept.h - content negotiation (RFC 9110, section 12.5.1) as the API does it. Pure.
 */
#pragma once

#include "common/base/base.h"
#include "schemas/schema.h"

enum accept_as {
	ACCEPT_OBJECT,
	ACCEPT_TABLE,        /* as=Table;g=meta.k8s.io */
	ACCEPT_PARTIAL,      /* as=PartialObjectMetadata */
	ACCEPT_PARTIAL_LIST, /* as=PartialObjectMetadataList */
	ACCEPT_DISCOVERY,    /* as=APIGroupDiscoveryList;v=v2 */
};

struct accept {
	enum schema_encoding encoding;
	enum accept_as as;
	char as_version[16]; /* "v1", "v1beta1", "v2" */
	bool is_pretty;
};

/* What of the header we can give; false: nothing (406). NULL or "" accepts JSON. `may_table`
 * etc. say which renderings this endpoint has. */
struct accept_offer {
	bool protobuf, yaml, table, partial, discovery;
	bool partial_protobuf; /* metadata alone has protobuf, the whole has not */
};
bool accept_choose(const char *header, const struct accept_offer *offer, struct accept *ret);

/* A media type of ours is among what it names, whatever its parameters. */
bool accept_names_known(const char *header);

/* From a Content-Type; missing means JSON. False: one we cannot read (415). */
bool content_type_encoding(const char *header, enum schema_encoding *ret);
/* Which of n media types the header likes best, by what it says without parameters; SIZE_MAX: none. */
size_t accept_choose_type(const char *header, const char *const *types, size_t n);
/* An Accept-Encoding that takes gzip. */
bool accept_gzip(const char *header);
/* True where the media type (without parameters) is `type`. */
bool content_type_is(const char *header, const char *type);
