#include "cli/svg.h"
#include "cli/files.h"

#include <math.h>
#include <stdio.h>

#define FONT 12.0

static const char style[] =
	"<style>\n"
	"svg{font:12px system-ui,sans-serif;background:#fff}\n"
	"text{fill:#1f2328}.b{font-size:14px;font-weight:600}\n"
	".k{stroke:#1f2328}.kf{fill:#1f2328}.m{stroke:#d0d7de}.mf{fill:#59636e}"
	".w{stroke:#cf222e}.wf{fill:#cf222e}\n"
	".c0{stroke:#0969da}.f0{fill:#0969da}.c1{stroke:#bc4c00}.f1{fill:#bc4c00}"
	".c2{stroke:#1a7f37}.f2{fill:#1a7f37}.c3{stroke:#8250df}.f3{fill:#8250df}\n"
	".c4{stroke:#bf3989}.f4{fill:#bf3989}.c5{stroke:#0a7c86}.f5{fill:#0a7c86}"
	".c6{stroke:#9a6700}.f6{fill:#9a6700}.c7{stroke:#57606a}.f7{fill:#57606a}\n"
	"path,polyline{fill:none;stroke-width:1.6}rect.bar{fill-opacity:.75}"
	"text.in{fill:#fff;font-size:11px}\n"
	"@media(prefers-color-scheme:dark){svg{background:#0d1117}text,.kf{fill:#e6edf3}"
	".k{stroke:#e6edf3}.m{stroke:#30363d}.mf{fill:#9198a1}.w{stroke:#ff7b72}.wf{fill:#ff7b72}\n"
	".c0{stroke:#58a6ff}.f0{fill:#58a6ff}.c1{stroke:#f0883e}.f1{fill:#f0883e}"
	".c2{stroke:#3fb950}.f2{fill:#3fb950}.c3{stroke:#bc8cff}.f3{fill:#bc8cff}\n"
	".c4{stroke:#f778ba}.f4{fill:#f778ba}.c5{stroke:#39c5cf}.f5{fill:#39c5cf}"
	".c6{stroke:#d29922}.f6{fill:#d29922}.c7{stroke:#9198a1}.f7{fill:#9198a1}"
	"text.in{fill:#0d1117}}\n"
	"</style>\n";

static const char *const stroke_classes[SVG_INK_COUNT] = { "k",  "m",  "w",  "c0", "c1", "c2",
							   "c3", "c4", "c5", "c6", "c7" };
static const char *const fill_classes[SVG_INK_COUNT] = { "kf", "mf", "wf", "f0", "f1", "f2",
							 "f3", "f4", "f5", "f6", "f7" };

/* Text as XML: what a name brings along must not become a tag, and control characters have no place
 * in XML at all. */
static void add_text(struct str *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '<')
			str_add(out, "&lt;");
		else if (c == '>')
			str_add(out, "&gt;");
		else if (c == '&')
			str_add(out, "&amp;");
		else if (c == '"')
			str_add(out, "&quot;");
		else
			str_add_char(out, c < ' ' || c == 0x7f ? ' ' : (char)c);
	}
}

void svg_init(struct svg *s, double width, double height, const char *title)
{
	*s = (struct svg){ .width = width, .height = height };
	str_init(&s->out, SVG_SIZE_MAX);
	str_addf(&s->out,
		 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" "
		 "viewBox=\"0 0 %g %g\" role=\"img\">\n<title>",
		 width, height, width, height);
	add_text(&s->out, title);
	str_add(&s->out, "</title>\n");
	str_add(&s->out, style);
}

void svg_fini(struct svg *s)
{
	str_fini(&s->out);
}

enum svg_ink svg_series(size_t i)
{
	return (enum svg_ink)(SVG_SERIES_0 + i % SVG_SERIES);
}

void svg_line(struct svg *s, double x1, double y1, double x2, double y2, enum svg_ink ink)
{
	str_addf(&s->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n",
		 x1, y1, x2, y2, stroke_classes[ink]);
}

void svg_bar(struct svg *s, double x, double y, double width, double height, enum svg_ink ink,
	     const char *tip)
{
	/* A span too short for a pixel is still there. */
	str_addf(&s->out,
		 "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"bar %s\"", x,
		 y, MAX(width, 0.5), MAX(height, 0), fill_classes[ink]);
	if (tip) {
		str_add(&s->out, "><title>");
		add_text(&s->out, tip);
		str_add(&s->out, "</title></rect>\n");
	} else {
		str_add(&s->out, "/>\n");
	}
}

static void text_of_class(struct svg *s, double x, double y, enum svg_anchor anchor,
			  const char *class, const char *text)
{
	static const char *const anchors[] = { "start", "middle", "end" };
	str_addf(&s->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y,
		 anchors[anchor], class);
	add_text(&s->out, text);
	str_add(&s->out, "</text>\n");
}

void svg_text(struct svg *s, double x, double y, enum svg_anchor anchor, enum svg_ink ink,
	      const char *text)
{
	text_of_class(s, x, y, anchor, fill_classes[ink], text);
}

void svg_heading(struct svg *s, double x, double y, const char *text)
{
	text_of_class(s, x, y, SVG_START, "b", text);
}

void svg_arrow(struct svg *s, double x1, double y1, double x2, double y2, enum svg_ink ink)
{
	double middle = MAX((x1 + x2) / 2, x1 + 4), head = y2 > y1 ? -4 : 4;
	str_addf(&s->out, "<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\" class=\"%s\"/>\n",
		 x1, y1, middle, y1, x2, (y1 + y2) / 2, x2, y2, stroke_classes[ink]);
	str_addf(&s->out, "<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1f\" class=\"%s\"/>\n", x2 - 3,
		 y2 + head, x2, y2, x2 + 3, y2 + head, stroke_classes[ink]);
}

/* ---- numbers as text ---- */

static const struct {
	double us;
	const char *name;
} units[] = { { 86400e6, "d" }, { 3600e6, "h" }, { 60e6, "min" },
	      { 1e6, "s" },     { 1e3, "ms" },   { 1, "µs" } };

/* Two whole units read better than 119.5 s: from 2 min, 2 h and 2 d on the larger is used. */
static size_t unit_of(double us)
{
	size_t i = 0;
	while (i + 1 < ARRAY_LEN(units) && fabs(us) < units[i].us * (i < 3 ? 2 : 1))
		i++;
	return i;
}

static void time_in(double us, size_t unit, char out[SVG_TIME_SIZE])
{
	int n = us == 0 ? snprintf(out, SVG_TIME_SIZE, "0")
			: snprintf(out, SVG_TIME_SIZE, "%.3g %s", us / units[unit].us,
				   units[unit].name);
	(void)n;
}

void svg_time_text(double us, char out[SVG_TIME_SIZE])
{
	time_in(us, unit_of(us), out);
}

/* All numbers of a linear axis are in the unit of its end. */
static void tick_text(const struct svg_axis *a, double value, char out[SVG_TIME_SIZE])
{
	int n = 0;
	if (a->unit == SVG_TIME)
		time_in(value, unit_of(a->is_log ? value : a->to), out);
	else if (a->unit == SVG_FRACTION)
		n = snprintf(out, SVG_TIME_SIZE, "%.4g %%", value * 100);
	else if (fabs(value) >= 1e6)
		n = snprintf(out, SVG_TIME_SIZE, "%.4gM", value / 1e6);
	else if (fabs(value) >= 1e4)
		n = snprintf(out, SVG_TIME_SIZE, "%.4gk", value / 1e3);
	else
		n = snprintf(out, SVG_TIME_SIZE, "%.4g", value);
	(void)n;
}

/* ---- plots ---- */

/* Where on the axis, 0 … 1; outside and NaN at its ends. */
static double share(const struct svg_axis *a, double value)
{
	double at = (value - a->from) / (a->to - a->from);
	if (a->is_log)
		at = (log(MAX(value, a->from)) - log(a->from)) / (log(a->to) - log(a->from));
	return !(at > 0) ? 0 : at > 1 ? 1 : at;
}

double svg_at_x(const struct svg_plot *p, double value)
{
	return p->x + p->width * share(&p->across, value);
}

double svg_at_y(const struct svg_plot *p, double value)
{
	return p->y + p->height * (1 - share(&p->up, value));
}

/* About `wanted` round steps: 1, 2 or 5 times a power of ten; of time, as people count it. */
static double step_of(const struct svg_axis *a, double wanted)
{
	static const double times[] = { 1e6,     2e6,     5e6,     10e6,     20e6,
					30e6,    60e6,    120e6,   300e6,    600e6,
					1200e6,  1800e6,  3600e6,  7200e6,   10800e6,
					21600e6, 43200e6, 86400e6, 172800e6, 432000e6 };
	double rough = (a->to - a->from) / wanted;
	if (a->unit == SVG_TIME && rough > 0.5e6 && rough < 432000e6)
		for (size_t i = 0; i < ARRAY_LEN(times); i++)
			if (times[i] >= rough)
				return times[i];
	double ten = pow(10, floor(log10(rough))), n = rough / ten;
	return ten * (n <= 1 ? 1 : n <= 2 ? 2 : n <= 5 ? 5 : 10);
}

static void tick(struct svg *s, const struct svg_plot *p, bool is_across, double value)
{
	char text[SVG_TIME_SIZE];
	tick_text(is_across ? &p->across : &p->up, value, text);
	if (is_across) {
		double x = svg_at_x(p, value);
		svg_line(s, x, p->y, x, p->y + p->height, SVG_MUTED);
		svg_text(s, x, p->y + p->height + 16, SVG_MIDDLE, SVG_MUTED, text);
	} else {
		double y = svg_at_y(p, value);
		svg_line(s, p->x, y, p->x + p->width, y, SVG_MUTED);
		svg_text(s, p->x - 6, y + 4, SVG_END, SVG_MUTED, text);
	}
}

/* Powers of ten, every few where there are many; where there are few, 2 and 5 times them, too. */
static void log_ticks(struct svg *s, const struct svg_plot *p, bool is_across)
{
	const struct svg_axis *a = is_across ? &p->across : &p->up;
	double decades = log10(a->to / a->from), every = MAX(1, ceil(decades / 8));
	for (double ten = floor(log10(a->from)); pow(10, ten) <= a->to * 1.000001; ten += every)
		for (int i = 1; i <= 5; i += i == 1 ? 1 : 3) {
			double value = i * pow(10, ten);
			if (value >= a->from * 0.999999 && value <= a->to * 1.000001 &&
			    (i == 1 || decades < 2.5))
				tick(s, p, is_across, value);
		}
}

static void ticks(struct svg *s, const struct svg_plot *p, bool is_across)
{
	const struct svg_axis *a = is_across ? &p->across : &p->up;
	if (a->is_log) {
		log_ticks(s, p, is_across);
		return;
	}
	double step = step_of(a, is_across ? p->width / 90 : MAX(2.5, p->height / 40));
	double at = ceil(a->from / step - 1e-9) * step;
	for (int i = 0; i < 100 && at <= a->to + step * 1e-6; i++, at += step)
		tick(s, p, is_across, fabs(at) < step * 1e-6 ? 0 : at);
}

static void widen(struct svg_axis *a)
{
	if (!isfinite(a->from) || !isfinite(a->to))
		a->from = 0, a->to = 1;
	if (a->is_log && a->from <= 0)
		a->from = a->to > 0 ? a->to / 1e6 : 1;
	if (!(a->from < a->to))
		a->to = a->is_log ? a->from * 10 : a->from + 1;
}

void svg_plot_frame(struct svg *s, struct svg_plot *p, const char *heading)
{
	widen(&p->across);
	widen(&p->up);
	svg_heading(s, p->x, p->y - 12, heading);
	ticks(s, p, true);
	ticks(s, p, false);
	svg_line(s, p->x, p->y + p->height, p->x + p->width, p->y + p->height, SVG_INK);
	svg_line(s, p->x, p->y, p->x, p->y + p->height, SVG_INK);
	if (p->across.label)
		svg_text(s, p->x + p->width, p->y + p->height + 32, SVG_END, SVG_INK,
			 p->across.label);
	if (p->up.label)
		svg_text(s, p->x + p->width, p->y - 12, SVG_END, SVG_MUTED, p->up.label);
}

void svg_plot_line(struct svg *s, const struct svg_plot *p, const double *xs, const double *ys,
		   size_t n, bool is_step, enum svg_ink ink)
{
	str_addf(&s->out, "<polyline class=\"%s\" points=\"", stroke_classes[ink]);
	for (size_t i = 0; i < n; i++) {
		double x = svg_at_x(p, xs[i]), y = svg_at_y(p, ys[i]);
		if (is_step && i)
			str_addf(&s->out, "%.1f,%.1f ", x, svg_at_y(p, ys[i - 1]));
		str_addf(&s->out, "%.1f,%.1f ", x, y);
	}
	str_add(&s->out, "\"/>\n");
}

void svg_plot_bar(struct svg *s, const struct svg_plot *p, double from, double to, double value,
		  enum svg_ink ink, const char *tip)
{
	double x = svg_at_x(p, from), y = svg_at_y(p, value);
	svg_bar(s, x, y, svg_at_x(p, to) - x, p->y + p->height - y, ink, tip);
}

static double text_width(const char *text)
{
	double n = 0;
	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n * FONT * 0.58;
}

double svg_legend(struct svg *s, double x, double y, double width, const char *const *names,
		  size_t n)
{
	double at = x, row = y;
	for (size_t i = 0; i < n; i++) {
		double wide = 22 + text_width(names[i]) + 14;
		if (at > x && at + wide > x + width)
			at = x, row += 18;
		svg_bar(s, at, row - 9, 14, 10, svg_series(i), NULL);
		svg_text(s, at + 20, row, SVG_START, SVG_INK, names[i]);
		at += wide;
	}
	return row - y + 18;
}

/* ---- Gantt ---- */

double svg_gantt(struct svg *s, double x, double y, double width, const char *const *rows,
		 size_t rows_count, const struct svg_span *spans, size_t n)
{
	double names = 0, from = INFINITY, to = -INFINITY;
	for (size_t i = 0; i < rows_count; i++)
		names = MAX(names, text_width(rows[i]));
	for (size_t i = 0; i < n; i++) {
		from = MIN(from, spans[i].from_us);
		to = MAX(to, spans[i].to_us);
	}
	names = MIN(names + 10, width / 3);
	struct svg_plot p = { .x = x + names,
			      .y = y,
			      .width = width - names,
			      .height = (double)rows_count * SVG_GANTT_ROW,
			      .across = { .from = from, .to = to, .unit = SVG_TIME } };
	widen(&p.across);
	ticks(s, &p, true);
	for (size_t i = 0; i < rows_count; i++)
		svg_text(s, x + names - 8, y + SVG_GANTT_ROW * ((double)i + 0.5) + 4, SVG_END,
			 SVG_INK, rows[i]);
	for (size_t i = 0; i < n; i++) {
		const struct svg_span *b = &spans[i];
		double left = svg_at_x(&p, b->from_us), wide = svg_at_x(&p, b->to_us) - left;
		double top = y + SVG_GANTT_ROW * (double)b->row;
		bool is_thin = b->ink == SVG_MUTED;
		svg_bar(s, left, top + (is_thin ? SVG_GANTT_ROW / 2.0 - 2 : 2), wide - 0.5,
			is_thin ? 4 : SVG_GANTT_ROW - 4, b->ink, b->text);
		if (b->text && !is_thin && text_width(b->text) + 4 < wide)
			text_of_class(s, left + wide / 2, top + SVG_GANTT_ROW / 2.0 + 4, SVG_MIDDLE,
				      "in", b->text);
	}
	svg_line(s, p.x, y + p.height, p.x + p.width, y + p.height, SVG_INK);
	return p.height + 26;
}

int svg_save(struct svg *s, const char *path, struct error *err)
{
	str_add(&s->out, "</svg>\n");
	if (str_check(&s->out, "the drawing", err) < 0 ||
	    file_write(path, s->out.data, s->out.len, 0644, err) < 0)
		return error_wrap(err, "%s", path);
	return 0;
}
