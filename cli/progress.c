#include "cli/progress.h"
#include "common/base/str.h"

#include <stdio.h>
#include <sys/ioctl.h>

#define NAME_COLUMNS_MAX 40

struct line {
	char *name, *text;
	enum mark mark;
	bool is_new; /* told, not shown */
};

struct progress {
	struct line *lines;
	size_t count, shown; /* lines on the screen */
	size_t name_columns;
	bool in_place, in_colour;
};

bool terminal_size(int fd, size_t *ret_columns, size_t *ret_rows)
{
	struct winsize size;
	if (ioctl(fd, TIOCGWINSZ, &size) < 0)
		return false;
	*ret_columns = size.ws_col ? size.ws_col : 80;
	*ret_rows = size.ws_row ? size.ws_row : 24;
	return true;
}

bool terminal_has_colours(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	return isatty(fd) && !(no && *no) && !(term && streq(term, "dumb"));
}

const char *mark_text(enum mark mark, bool in_colour)
{
	static const char *const plain[MARK_COUNT] = { " ", "·", "✓", "!", "✗" };
	static const char *const coloured[MARK_COUNT] = { " ", "\033[2m·\033[0m",
							  "\033[32m✓\033[0m", "\033[33m!\033[0m",
							  "\033[31m✗\033[0m" };
	return in_colour ? coloured[mark] : plain[mark];
}

struct progress *progress_new(void)
{
	struct progress *p = xcalloc(1, sizeof *p);
	const char *term = getenv("TERM");
	p->in_place = isatty(STDOUT_FILENO) && !(term && streq(term, "dumb"));
	p->in_colour = terminal_has_colours(STDOUT_FILENO);
	return p;
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		free(p->lines[i].name);
		free(p->lines[i].text);
	}
	free(p->lines);
	free(p);
}

void progress_tell(struct progress *p, const char *name, enum mark mark, const char *text)
{
	size_t i = 0;
	while (i < p->count && !streq(p->lines[i].name, name))
		i++;
	if (i == p->count) {
		p->lines = xrealloc(p->lines, p->count + 1, sizeof *p->lines);
		p->lines[p->count++] = (struct line){ .name = xstrdup(name) };
		p->name_columns = MIN(MAX(p->name_columns, strlen(name)), NAME_COLUMNS_MAX);
	}
	struct line *l = &p->lines[i];
	if (l->text && streq(l->text, text) && l->mark == mark)
		return;
	free(l->text);
	l->text = xstrdup(text);
	l->mark = mark;
	l->is_new = true;
}

/* Bytes of `text` that fill at most so many columns; counts code points. */
static int fitting(const char *text, size_t columns)
{
	size_t n = 0, i = 0;
	for (; text[i]; i++)
		if ((text[i] & 0xc0) != 0x80 && n++ == columns)
			break;
	return (int)i;
}

static void print_line(const struct progress *p, const struct line *l, size_t columns)
{
	size_t name = MAX(p->name_columns, strlen(l->name));
	size_t room = columns > name + 5 ? columns - name - 5 : 10;
	printf("%s %-*s  %.*s", mark_text(l->mark, p->in_colour), (int)p->name_columns, l->name,
	       columns ? fitting(l->text, room) : (int)strlen(l->text), l->text);
}

static void show_in_place(struct progress *p, size_t columns)
{
	if (p->shown)
		printf("\033[%zuA", p->shown);
	for (size_t i = 0; i < p->count; i++) {
		fputs("\r\033[K", stdout);
		print_line(p, &p->lines[i], columns);
		putchar('\n');
		p->lines[i].is_new = false;
	}
	p->shown = p->count;
}

void progress_show(struct progress *p)
{
	size_t columns = 0, rows = 0;
	bool is_changed = false;
	for (size_t i = 0; i < p->count; i++)
		is_changed |= p->lines[i].is_new;
	if (!is_changed)
		return;
	bool fits = p->in_place && terminal_size(STDOUT_FILENO, &columns, &rows) &&
		    p->count + 1 < rows;
	if (fits) {
		show_in_place(p, columns);
	} else {
		for (size_t i = 0; i < p->count; i++) {
			if (!p->lines[i].is_new)
				continue;
			print_line(p, &p->lines[i], 0);
			putchar('\n');
			p->lines[i].is_new = false;
		}
		p->shown = 0;
	}
	fflush(stdout);
}
