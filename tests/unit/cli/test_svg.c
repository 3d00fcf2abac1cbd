/* Drawings: text is escaped, numbers read as people write them, and a plot holds no NaN. */
#include "cli/svg.h"
#include "tests/support/check.h"

#include <math.h>

static void test_escapes(void)
{
	AUTO_SVG s = { 0 };
	svg_init(&s, 100, 50, "a<b & \"c\"\n");
	svg_text(&s, 1, 2, SVG_START, SVG_INK, "</text><script>\x01");
	svg_bar(&s, 0, 0, 10, 10, SVG_WARN, "<&>");
	CHECK(strstr(s.out.data, "<title>a&lt;b &amp; &quot;c&quot; </title>"));
	CHECK(strstr(s.out.data, "&lt;/text&gt;&lt;script&gt; </text>"));
	CHECK(strstr(s.out.data, "<title>&lt;&amp;&gt;</title>"));
	CHECK(!strstr(s.out.data, "<script"));
}

static void test_times(void)
{
	static const struct {
		double us;
		const char *text;
	} rows[] = {
		{ 0, "0" },          { 1, "1 µs" },       { 1500, "1.5 ms" },   { 20e6, "20 s" },
		{ 119e6, "119 s" },  { 120e6, "2 min" },  { 3600e6, "60 min" }, { 7200e6, "2 h" },
		{ 86400e6, "24 h" }, { 172800e6, "2 d" }, { 0.25, "0.25 µs" },  { -5e3, "-5 ms" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[SVG_TIME_SIZE];
		svg_time_text(rows[i].us, text);
		CHECK_TEXT("time", text, rows[i].text);
	}
}

/* Whatever the range: one point, none, infinite, logarithmic from zero. */
static void test_ranges(void)
{
	static const struct svg_axis axes[] = {
		{ .from = 0, .to = 0 },
		{ .from = 5, .to = 5, .is_log = true },
		{ .from = 0, .to = 1e9, .is_log = true, .unit = SVG_TIME },
		{ .from = 0, .to = 90e6, .unit = SVG_TIME, .label = "t" },
		{ .from = -INFINITY, .to = INFINITY },
		{ .from = 0, .to = 1, .unit = SVG_FRACTION },
	};
	const double at[] = { -1, 0, 0.5, 1e12, NAN };
	for (size_t i = 0; i < ARRAY_LEN(axes); i++)
		for (size_t k = 0; k < ARRAY_LEN(axes); k++) {
			AUTO_SVG s = { 0 };
			svg_init(&s, 400, 300, "plot");
			struct svg_plot p = { 40, 20, 300, 200, axes[i], axes[k] };
			svg_plot_frame(&s, &p, "ranges");
			svg_plot_line(&s, &p, at, at, ARRAY_LEN(at), true, svg_series(9));
			CHECK(!strstr(s.out.data, "nan") && !strstr(s.out.data, "inf"));
			CHECK(s.out.len < 20000);
		}
}

static void test_gantt(void)
{
	const char *const rows[] = { "one", "two" };
	const struct svg_span spans[] = { { 0, 0, 2e6, SVG_SERIES_0, "build" },
					  { 1, 2e6, 2e6, SVG_WARN, NULL } };
	AUTO_SVG s = { 0 };
	svg_init(&s, 400, 300, "gantt");
	CHECK_INT(svg_gantt(&s, 0, 0, 400, rows, 2, spans, 2), 2 * SVG_GANTT_ROW + 26);
	CHECK(strstr(s.out.data, ">build</text>"));
	CHECK(svg_gantt(&s, 0, 0, 400, rows, 0, spans, 0) > 0);
	CHECK(!strstr(s.out.data, "nan") && !strstr(s.out.data, "inf"));
}

int main(void)
{
	test_escapes();
	test_times();
	test_ranges();
	test_gantt();
	return 0;
}
