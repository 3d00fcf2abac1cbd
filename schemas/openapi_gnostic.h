/*
 * openapi_gnostic.h - OpenAPI v2 as protobuf: the messages of gnostic's openapi.v2.Document, made of
 * trees that say the same as JSON. Pure.
 */
#pragma once

#include "common/base/str.h"

#include <jansson.h>

enum gnostic_message {
	GNOSTIC_DOCUMENT, /* without paths and definitions: they are added one by one */
	GNOSTIC_PATH_ITEM,
	GNOSTIC_SCHEMA,
	GNOSTIC_INFO,
	GNOSTIC_OPERATION,
	GNOSTIC_PARAMETERS_ITEM,
	GNOSTIC_REFERENCE,
	GNOSTIC_PARAMETER,
	GNOSTIC_NON_BODY,
	GNOSTIC_BODY,
	GNOSTIC_QUERY,
	GNOSTIC_PATH,
	GNOSTIC_RESPONSE_VALUE,
	GNOSTIC_RESPONSE,
	GNOSTIC_SCHEMA_ITEM,
	GNOSTIC_SCHEMA_OR_BOOLEAN,
	GNOSTIC_TYPE_ITEM,
	GNOSTIC_EXTERNAL_DOCS,
	GNOSTIC_SECURITY_REQUIREMENT,
	GNOSTIC_STRINGS,
	GNOSTIC_SECURITY_ITEM,
	GNOSTIC_API_KEY,
	GNOSTIC_MESSAGE_COUNT,
};

/* Where the members that are added by themselves stand in the document, and in what holds them. */
enum { GNOSTIC_DOCUMENT_PATHS = 8, GNOSTIC_DOCUMENT_DEFINITIONS = 9 };
enum { GNOSTIC_PATHS_PATH = 2, GNOSTIC_DEFINITIONS_MEMBER = 1 };

/* The fields of a message. What lies deeper than JSON may is left out. */
void gnostic_add(struct str *out, enum gnostic_message message, const json_t *value);
/* A member of a map, as field `number`: a message of the name and the value. */
void gnostic_add_named(struct str *out, uint32_t number, const char *name,
		       enum gnostic_message message, const json_t *value);
