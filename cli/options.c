#include "cli/options.h"
#include "common/base/time_text.h"

#include <errno.h>
#include <stdio.h>

int span_parse(const char *text, int64_t *ret_us, struct error *err)
{
	char *end;
	errno = 0;
	long long seconds = strtoll(text, &end, 10);
	if (*text && !*end && errno == 0 && seconds >= 0 && seconds < INT64_MAX / 1000000) {
		*ret_us = seconds * 1000000;
		return 0;
	}
	if (duration_parse(text, ret_us) && *ret_us >= 0)
		return 0;
	return error_set(err, ERR_INVALID, "'%s' is no time span: write 30s, 5m or 1h30m", text);
}

static int set_flag(bool *flag, const char *name, const char *value, struct error *err)
{
	if (!value || streq(value, "true"))
		*flag = true;
	else if (streq(value, "false"))
		*flag = false;
	else
		return error_set(err, ERR_INVALID, "--%s is true or false, not '%s'", name, value);
	return 0;
}

static int set_number(int64_t *number, const char *name, const char *value, struct error *err)
{
	char *end;
	errno = 0;
	long long n = strtoll(value, &end, 10);
	if (!*value || *end || errno)
		return error_set(err, ERR_INVALID, "--%s is a number, not '%s'", name, value);
	*number = n;
	return 0;
}

static int set_value(const struct option *o, const char *value, struct error *err)
{
	if (o->text)
		*o->text = value;
	else if (o->number)
		return set_number(o->number, o->name, value, err);
	else if (o->span_us)
		return span_parse(value, o->span_us, err) < 0 ? error_wrap(err, "--%s", o->name)
							      : 0;
	else if (o->many->count == WORDS_MAX)
		return error_set(err, ERR_LIMIT, "--%s more than %d times", o->name, WORDS_MAX);
	else
		o->many->at[o->many->count++] = value;
	return 0;
}

struct reading {
	int argc, at;
	char **argv;
	const struct option *options;
	size_t options_count;
	struct option common[3];
};

static const struct option *find(const struct reading *r, const char *name, size_t len,
				 char letter)
{
	for (size_t i = 0; i < r->options_count + ARRAY_LEN(r->common); i++) {
		const struct option *o = i < r->options_count ? &r->options[i]
							      : &r->common[i - r->options_count];
		if (letter ? o->letter == letter
			   : strlen(o->name) == len && strncmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

static int next_value(struct reading *r, const struct option *o, const char **ret,
		      struct error *err)
{
	if (r->at + 1 >= r->argc)
		return error_set(err, ERR_INVALID, "--%s needs a value", o->name);
	*ret = r->argv[++r->at];
	return 0;
}

static int read_long(struct reading *r, const char *text, struct error *err)
{
	size_t len = strcspn(text, "=");
	const char *value = text[len] ? text + len + 1 : NULL;
	const struct option *o = find(r, text, len, 0);
	if (!o)
		return error_set(err, ERR_INVALID, "there is no option --%.*s", (int)len, text);
	if (o->flag)
		return set_flag(o->flag, o->name, value, err);
	int code = value ? 0 : next_value(r, o, &value, err);
	return code < 0 ? code : set_value(o, value, err);
}

static int read_letters(struct reading *r, const char *text, struct error *err)
{
	for (; *text; text++) {
		const struct option *o = find(r, NULL, 0, *text);
		if (!o)
			return error_set(err, ERR_INVALID, "there is no option -%c", *text);
		if (o->flag) {
			*o->flag = true;
			continue;
		}
		const char *value = text[1] == '=' ? text + 2 : text + 1;
		int code = *value ? 0 : next_value(r, o, &value, err);
		return code < 0 ? code : set_value(o, value, err);
	}
	return 0;
}

static int read_word(struct reading *r, struct arguments *a, bool *ret_is_end, struct error *err)
{
	char *text = r->argv[r->at];
	*ret_is_end = false;
	if (streq(text, "--") || (a->words_max && a->words.count == a->words_max &&
				  (text[0] != '-' || !text[1]))) {
		bool is_dashes = streq(text, "--");
		a->rest = r->argv + r->at + is_dashes;
		a->rest_count = (size_t)(r->argc - r->at - is_dashes);
		*ret_is_end = true;
		return 0;
	}
	if (starts_with(text, "--"))
		return read_long(r, text + 2, err);
	if (text[0] == '-' && text[1])
		return read_letters(r, text + 1, err);
	if (a->words.count == WORDS_MAX)
		return error_set(err, ERR_LIMIT, "more than %d arguments", WORDS_MAX);
	a->words.at[a->words.count++] = text;
	return 0;
}

int options_parse(int argc, char **argv, const struct option *options, size_t n,
		  struct arguments *ret, struct error *err)
{
	struct arguments a = { .words_max = ret->words_max };
	struct reading r = { .argc = argc,
			     .at = 1,
			     .argv = argv,
			     .options = options,
			     .options_count = n,
			     .common = { { .name = "kubeconfig", .text = &a.kubeconfig },
					 { .name = "context", .text = &a.context },
					 { .name = "namespace", .letter = 'n', .text = &a.ns } } };
	bool is_end = false;
	for (; r.at < argc && !is_end; r.at++)
		if (read_word(&r, &a, &is_end, err) < 0)
			return err->code;
	*ret = a;
	return 0;
}
