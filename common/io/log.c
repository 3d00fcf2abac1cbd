#include "common/io/log.h"
#include "common/base/str.h"
#include "common/base/time_text.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>

static const char *const level_names[LOG_LEVEL_COUNT] = { "debug", "info", "warn", "error" };

/* The one piece of process-wide state: how much is said. */
static atomic_int least = LOG_INFO;

void log_set_level(enum log_level level)
{
	atomic_store(&least, (int)level);
}

void log_set_quiet(bool quiet)
{
	atomic_store(&least, quiet ? LOG_LEVEL_COUNT : LOG_INFO);
}

bool log_level_parse(const char *text, enum log_level *ret)
{
	for (int i = 0; i < LOG_LEVEL_COUNT; i++)
		if (streq(text, level_names[i])) {
			*ret = (enum log_level)i;
			return true;
		}
	return false;
}

static void add_value(struct str *line, const char *value)
{
	bool plain = *value && !value[strcspn(value, " \t\n\r\"=\\")];
	if (plain)
		str_add(line, value);
	else
		str_add_json(line, value, strlen(value));
}

void log_write(enum log_level level, const char *component, const char *event, ...)
{
	if ((int)level < atomic_load(&least))
		return;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	char when[TIME_TEXT_SIZE];
	time_format_micro((int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000, when);

	AUTO_STR line;
	str_init(&line, 16384);
	str_addf(&line, "%s %-5s %s ", when, level_names[level], component);
	add_value(&line, event);
	va_list args;
	va_start(args, event);
	for (const char *name; (name = va_arg(args, const char *)) != NULL;) {
		const char *value = va_arg(args, const char *);
		str_addf(&line, " %s=", name);
		add_value(&line, value ? value : "-");
	}
	va_end(args);
	line.overflow = false;
	str_add_char(&line, '\n');
	/* One write, so that lines of several threads and programs do not mix. */
	ssize_t n = write(STDERR_FILENO, line.data, line.len);
	(void)n; /* nobody is left to tell */
}
