/*
 * table.h - columns of text for people: as wide as their widest cell, three blanks apart, as kubectl
 * prints them. Pure but for printing to standard output.
 */
#pragma once

#include "common/base/jsonx.h"

#define TABLE_COLUMNS_MAX 64

struct table {
	size_t columns;
	size_t width[TABLE_COLUMNS_MAX];
	char **cells; /* rows of `columns`, not printed yet */
	size_t rows;
};
void table_fini(struct table *t); /* {0} is fine */
#define AUTO_TABLE __attribute__((cleanup(table_fini))) struct table

/* A new row's cells, one after the other; `columns` is set before the first. */
void table_add(struct table *t, const char *cell);
/* A cell of a server's Table: numbers and null, too. */
void table_add_json(struct table *t, const json_t *cell);
/* The rows not printed yet, as lines; widths stay for those to come. */
void table_text(struct table *t, struct str *out);
void table_print(struct table *t);
