/* Arguments: what is read, and what is refused in which words. */
#include "cli/options.h"
#include "common/base/str.h"
#include "tests/support/check.h"

#define ARGS_MAX 12

static const struct row {
	const char *name;
	const char *argv[ARGS_MAX];
	size_t words_max;
	const char *want; /* the settings as text, or the error */
} rows[] = {
	{ "nothing", { "get" }, 0, "" },
	{ "words", { "get", "pods", "a" }, 0, "pods a" },
	{ "flag", { "get", "-w", "pods" }, 0, "w pods" },
	{ "long flag", { "get", "--watch", "pods" }, 0, "w pods" },
	{ "flag false", { "get", "-w", "--watch=false" }, 0, "" },
	{ "flag nonsense", { "get", "--watch=1x" }, 0, "--watch is true or false, not '1x'" },
	{ "text apart", { "get", "-o", "json" }, 0, "o=json" },
	{ "text with =", { "get", "--output=a=b" }, 0, "o=a=b" },
	{ "text glued", { "get", "-ojson" }, 0, "o=json" },
	{ "letters together", { "get", "-wojson", "x" }, 0, "w o=json x" },
	{ "several times", { "get", "-f", "a", "-f=b", "--file", "c" }, 0, "f=a f=b f=c" },
	{ "number", { "get", "--tail", "-5" }, 0, "tail=-5" },
	{ "no number", { "get", "--tail", "five" }, 0, "--tail is a number, not 'five'" },
	{ "span", { "get", "--timeout", "5m" }, 0, "timeout=300000000" },
	{ "bare span", { "get", "--timeout=30" }, 0, "timeout=30000000" },
	{ "zero span", { "get", "--timeout=0" }, 0, "timeout=0" },
	{ "no span",
	  { "get", "--timeout", "soon" },
	  0,
	  "--timeout: 'soon' is no time span: write 30s, 5m or 1h30m" },
	{ "negative span",
	  { "get", "--timeout=-1s" },
	  0,
	  "--timeout: '-1s' is no time span: write 30s, 5m or 1h30m" },
	{ "value missing", { "get", "-o" }, 0, "--output needs a value" },
	{ "unknown long", { "get", "--wat=1" }, 0, "there is no option --wat" },
	{ "unknown letter", { "get", "-wz" }, 0, "there is no option -z" },
	{ "common ones", { "get", "-n", "ns", "--kubeconfig=k" }, 0, "n=ns k=k" },
	{ "dashes end it", { "exec", "p", "--", "-w", "ls" }, 0, "p | -w ls" },
	{ "a word ends it", { "exec", "-w", "p", "ls", "-l" }, 1, "w p | ls -l" },
	{ "option after the word", { "exec", "p", "-w", "--", "ls" }, 1, "w p | ls" },
	{ "standard input is a word", { "get", "-" }, 0, "-" },
};

static void show(const struct row *r, struct str *out)
{
	bool watch = false;
	const char *output = NULL;
	struct words files = { .count = 0 };
	int64_t tail = INT64_MIN, timeout = INT64_MIN;
	const struct option table[] = { { .name = "watch", .letter = 'w', .flag = &watch },
					{ .name = "output", .letter = 'o', .text = &output },
					{ .name = "file", .letter = 'f', .many = &files },
					{ .name = "tail", .number = &tail },
					{ .name = "timeout", .span_us = &timeout } };
	struct arguments a = { .words_max = r->words_max };
	struct error err;
	int argc = 0;
	while (r->argv[argc])
		argc++;
	if (options_parse(argc, (char **)(uintptr_t)r->argv, table, ARRAY_LEN(table), &a, &err) <
	    0) {
		CHECK_INT(err.code, ERR_INVALID);
		str_add(out, err.text);
		return;
	}
	str_add(out, watch ? "w " : "");
	if (output)
		str_addf(out, "o=%s ", output);
	for (size_t i = 0; i < files.count; i++)
		str_addf(out, "f=%s ", files.at[i]);
	if (tail != INT64_MIN)
		str_addf(out, "tail=%lld ", (long long)tail);
	if (timeout != INT64_MIN)
		str_addf(out, "timeout=%lld ", (long long)timeout);
	if (a.ns)
		str_addf(out, "n=%s ", a.ns);
	if (a.kubeconfig)
		str_addf(out, "k=%s ", a.kubeconfig);
	for (size_t i = 0; i < a.words.count; i++)
		str_addf(out, "%s ", a.words.at[i]);
	for (size_t i = 0; i < a.rest_count; i++)
		str_addf(out, "%s%s ", i ? "" : "| ", a.rest[i]);
	if (out->len)
		str_truncate(out, out->len - 1);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO_STR out;
		str_init(&out, 4096);
		show(&rows[i], &out);
		CHECK_TEXT(rows[i].name, out.data, rows[i].want);
	}
	return 0;
}
