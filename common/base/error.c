#include "common/base/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *err, enum err_code code, const char *fmt, ...)
{
	assert(err);
	assert(code < 0);

	err->code = code;
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(err->text, sizeof err->text, fmt, args);
	va_end(args);
	return code;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
	assert(err);
	assert(err->code < 0); /* wrapping a success is a bug in the caller */

	char context[sizeof err->text], inner[sizeof err->text];
	memcpy(inner, err->text, sizeof inner);

	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(context, sizeof context, fmt, args);
	va_end(args);

	/* Losing the end of a long chain is fine; its head names the operation. */
	if (n >= 0)
		n = snprintf(err->text, sizeof err->text, "%s: %s", context, inner);
	assert(n >= 0);
	return err->code;
}
