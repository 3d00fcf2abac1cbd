/*
 * svg.h - drawings as SVG text: lines, bars, text, axes and Gantt rows. One file, no script, no
 * foreign font. Colours are classes with a light and a dark form (prefers-color-scheme), so that a
 * drawing is readable on either ground; every text is escaped. Lengths are pixels, y grows downwards.
 * Pure but for svg_save. A drawing larger than its cap is an error at svg_save, not before.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/str.h"

#define SVG_SIZE_MAX (16u << 20)
#define SVG_SERIES   8 /* colours that are told apart */

/* Classes: SVG_SERIES_0 + i is the i-th colour (i below SVG_SERIES). */
enum svg_ink {
	SVG_INK,   /* text, axes */
	SVG_MUTED, /* grid, remarks */
	SVG_WARN,  /* what went wrong, the critical path */
	SVG_SERIES_0,
	SVG_INK_COUNT = SVG_SERIES_0 + SVG_SERIES
};
enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

struct svg {
	struct str out;
	double width, height;
};
/* `title` is what screen readers and the browser's tab say. */
void svg_init(struct svg *s, double width, double height, const char *title);
void svg_fini(struct svg *s); /* {0} is fine */
#define AUTO_SVG __attribute__((cleanup(svg_fini))) struct svg

/* The i-th colour, again from the first after the last. */
enum svg_ink svg_series(size_t i);

void svg_line(struct svg *s, double x1, double y1, double x2, double y2, enum svg_ink ink);
/* `tip` (or NULL) is shown while the pointer rests on it. */
void svg_bar(struct svg *s, double x, double y, double width, double height, enum svg_ink ink,
	     const char *tip);
void svg_text(struct svg *s, double x, double y, enum svg_anchor anchor, enum svg_ink ink,
	      const char *text);
void svg_heading(struct svg *s, double x, double y, const char *text); /* larger, bold */
/* An arrow from (x1, y1) to (x2, y2), bent so that rows stay readable. */
void svg_arrow(struct svg *s, double x1, double y1, double x2, double y2, enum svg_ink ink);

/* ---- axes ---- */
enum svg_unit {
	SVG_PLAIN,    /* 1, 2.5, 10k */
	SVG_TIME,     /* the value is microseconds: 5 ms, 20 s, 2 h */
	SVG_FRACTION, /* 0 … 1: 0 % … 100 % */
};
struct svg_axis {
	double from, to; /* from < to, from > 0 if is_log: svg_plot_frame widens what is not */
	bool is_log;
	enum svg_unit unit;
	const char *label; /* or NULL */
};
struct svg_plot { /* the rectangle of the data; room for numbers is left of and below it */
	double x, y, width, height;
	struct svg_axis across, up;
};
void svg_plot_frame(struct svg *s, struct svg_plot *p, const char *heading);
/* `n` points as one line (`is_step`: level until the next point). Points outside are cut off. */
void svg_plot_line(struct svg *s, const struct svg_plot *p, const double *xs, const double *ys,
		   size_t n, bool is_step, enum svg_ink ink);
void svg_plot_bar(struct svg *s, const struct svg_plot *p, double from, double to, double value,
		  enum svg_ink ink, const char *tip);
double svg_at_x(const struct svg_plot *p, double value);
double svg_at_y(const struct svg_plot *p, double value);
/* Names of the first n colours, in rows no wider than `width`. Returns the height used. */
double svg_legend(struct svg *s, double x, double y, double width, const char *const *names,
		  size_t n);

/* ---- Gantt ---- */
struct svg_span {
	size_t row;
	double from_us, to_us;
	enum svg_ink ink;
	const char *text; /* in the bar where there is room, and its tip; borrowed for the call */
};
/* Rows of a fixed height below `y`, their names at the left, time across; returns the height used.
 * Spans of SVG_MUTED are thin: what waits. */
#define SVG_GANTT_ROW 22
double svg_gantt(struct svg *s, double x, double y, double width, const char *const *rows,
		 size_t rows_count, const struct svg_span *spans, size_t n);

/* "12.5 ms", "3 h 20 min": what the axes show; also for tables. */
#define SVG_TIME_SIZE 32
void svg_time_text(double us, char out[SVG_TIME_SIZE]);

int svg_save(struct svg *s, const char *path, struct error *err) MUST_CHECK;
