#include "cli/table.h"

#include <stdio.h>

#define GAP 3

void table_fini(struct table *t)
{
	for (size_t i = 0; i < t->rows; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){ 0 };
}

static size_t columns_of(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

/* Nothing that moves the cursor gets onto the screen. */
static char *clean(const char *text)
{
	char *copy = xstrdup(text);
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	return copy;
}

void table_add(struct table *t, const char *cell)
{
	size_t column = t->rows % t->columns;
	t->cells = xrealloc(t->cells, t->rows + 1, sizeof *t->cells);
	t->cells[t->rows++] = clean(cell);
	t->width[column] = MAX(t->width[column], columns_of(cell));
}

void table_add_json(struct table *t, const json_t *cell)
{
	AUTO_STR text;
	str_init(&text, 1u << 20);
	if (json_is_string(cell))
		str_add(&text, json_string_value(cell));
	else if (!cell || json_is_null(cell))
		str_add(&text, "<none>");
	else
		json_print(cell, &text);
	table_add(t, text.data);
}

void table_text(struct table *t, struct str *out)
{
	for (size_t i = 0; i < t->rows; i++) {
		size_t column = i % t->columns;
		bool is_last = column + 1 == t->columns;
		str_add(out, t->cells[i]);
		size_t blanks = t->width[column] + GAP - columns_of(t->cells[i]);
		for (size_t k = 0; !is_last && k < blanks; k++)
			str_add_char(out, ' ');
		if (is_last)
			str_add_char(out, '\n');
		free(t->cells[i]);
	}
	t->rows = 0;
}

void table_print(struct table *t)
{
	AUTO_STR out;
	str_init(&out, 256u << 20);
	table_text(t, &out);
	fwrite(out.data, 1, out.len, stdout);
	fflush(stdout);
}
