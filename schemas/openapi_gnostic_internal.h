/*
 * openapi_gnostic_internal.h - rows of the tables that messages are said in. Pure.
 */
#pragma once

#include "schemas/openapi_gnostic.h"

#define TEXT(name, number)              name, number, GNOSTIC_TEXT, NULL, NULL
#define TEXTS(name, number)             name, number, GNOSTIC_TEXTS, NULL, NULL
#define NUMBER(name, number)            name, number, GNOSTIC_NUMBER, NULL, NULL
#define COUNT(name, number)             name, number, GNOSTIC_COUNT, NULL, NULL
#define FLAG(name, number)              name, number, GNOSTIC_FLAG, NULL, NULL
#define ANY(name, number)               name, number, GNOSTIC_ANY, NULL, NULL
#define ANYS(name, number)              name, number, GNOSTIC_ANYS, NULL, NULL
#define MESSAGE(name, number, message)  name, number, GNOSTIC_MESSAGE, message, NULL
#define MESSAGES(name, number, message) name, number, GNOSTIC_MESSAGES, message, NULL
#define NAMED(name, number, message)    name, number, GNOSTIC_NAMED, message, NULL
#define MAP(name, number, message)      name, number, GNOSTIC_MAP, message, NULL
#define EXTENSIONS(number)              "", number, GNOSTIC_EXTENSIONS, NULL, NULL
/* Of the whole value. */
#define WHOLE(number, message, is_for)    "", number, GNOSTIC_MESSAGE, message, is_for
#define WHOLE_PLAIN(number, form, is_for) "", number, form, NULL, is_for

/* The same in both versions. */
extern const struct gnostic_field gnostic_reference[], gnostic_external_docs[];

bool gnostic_is_object(const json_t *value);
bool gnostic_is_text(const json_t *value);
bool gnostic_is_number(const json_t *value);
bool gnostic_is_flag(const json_t *value);
bool gnostic_is_reference(const json_t *value);
bool gnostic_is_no_reference(const json_t *value); /* but an object */
