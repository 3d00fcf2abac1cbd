/*
 * api_rows.h - a table of requests, in order, against one server: who asks what, and what the
 * answer must hold. `has` are pieces parted by " & "; "!" before a piece: must not be there.
 */
#pragma once

#include "tests/support/api_world.h"

struct api_row {
	const char *name;
	/* "USER" or "USER/GROUP"; NULL or "@": the admin; "": nobody. Behind a "|" stand headers,
	 * "Name: value", a line each. */
	const char *as;
	const char *method; /* PATCH sends a merge patch, unless the body begins with "[" */
	const char *target;
	const char *body; /* NULL: none */
	int status;
	const char *has;
};

/* Ends the program at the first row that does not come out. */
void api_rows_run(struct api_world *w, const struct api_row *rows, size_t count);

/* A connection as USER/GROUP; ended with http_transport_free. */
struct http_transport *api_rows_connect(struct api_world *w, const char *as);
