/*
 * openapi_gnostic.h - OpenAPI as protobuf: the messages of gnostic's openapi.v2.Document and
 * openapi.v3.Document, made of trees that say the same as JSON. Pure.
 */
#pragma once

#include "common/base/str.h"

#include <jansson.h>

/* Which field a member of the JSON becomes; a message is a table of them. */
enum gnostic_form {
	GNOSTIC_TEXT,
	GNOSTIC_TEXTS, /* a text, or a list of them */
	GNOSTIC_NUMBER,
	GNOSTIC_COUNT,
	GNOSTIC_FLAG,
	GNOSTIC_ANY, /* as YAML */
	GNOSTIC_ANYS,
	GNOSTIC_MESSAGE,
	GNOSTIC_MESSAGES,   /* a list */
	GNOSTIC_NAMED,      /* an object: named messages */
	GNOSTIC_MAP,        /* the same in a message, whose field 1 they are */
	GNOSTIC_EXTENSIONS, /* of an object: members that begin with "x-" */
};

struct gnostic_field {
	const char *name; /* of the member; "": the whole value; NULL: the end of the table */
	uint32_t number;
	enum gnostic_form form;
	const struct gnostic_field *message;
	bool (*is_for)(const json_t *value); /* the whole value; NULL: for all */
};

/* Documents are without what is added to them one by one. */
extern const struct gnostic_field gnostic_v2_document[], gnostic_v2_path_item[],
	gnostic_v2_schema[], gnostic_v3_document[], gnostic_v3_path_item[], gnostic_v3_components[],
	gnostic_v3_schema_or_reference[];

/* Where that stands in the document, and in what holds it. */
enum { GNOSTIC_V2_PATHS = 8, GNOSTIC_V2_DEFINITIONS = 9 };
enum { GNOSTIC_V2_PATH = 2, GNOSTIC_V2_DEFINITION = 1 };
enum { GNOSTIC_V3_PATHS = 4, GNOSTIC_V3_COMPONENTS = 5, GNOSTIC_V3_SCHEMAS = 1 };
enum { GNOSTIC_V3_PATH = 1, GNOSTIC_V3_SCHEMA = 1 };

/* The fields of a message. What lies deeper than JSON may is left out. */
void gnostic_add(struct str *out, const struct gnostic_field *message, const json_t *value);
/* A member of a map, as field `number`: a message of the name and the value. */
void gnostic_add_named(struct str *out, uint32_t number, const char *name,
		       const struct gnostic_field *message, const json_t *value);
