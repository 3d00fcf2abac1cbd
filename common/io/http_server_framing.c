/*
 * Where a request ends must be beyond doubt: two parties that see it at different places let a third one
 * through (request smuggling). What RFC 9112, section 6, lets a server mend is refused here, and its
 * connection closed.
 */
#include "common/io/http_server_internal.h"

#include <strings.h>

struct framing {
	unsigned lengths, codings, hosts;
	bool is_length_bad, is_coding_bad, is_line_bad;
};

static enum MHD_Result look(void *ctx, enum MHD_ValueKind kind, const char *name, size_t name_len,
			    const char *value, size_t value_len)
{
	struct framing *f = ctx;
	(void)kind;
	/* "Content-Length " before its colon is another name to some; a lone CR ends a line to
	 * others. */
	f->is_line_bad |= strcspn(name, " \t\r\n") != name_len ||
			  (value && strcspn(value, "\r\n") != value_len);
	if (strcasecmp(name, "Content-Length") == 0) {
		f->lengths++;
		f->is_length_bad |= !value || !*value || value[strspn(value, "0123456789")];
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		f->codings++;
		f->is_coding_bad |= !value || strcasecmp(value, "chunked") != 0;
	} else if (strcasecmp(name, "Host") == 0) {
		f->hosts++;
	}
	return MHD_YES;
}

const char *server_framing_problem(struct MHD_Connection *mhd)
{
	struct framing f = { 0 };
	(void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, look, &f);
	if (f.is_line_bad)
		return "a header's name holds a blank, or its value an end";
	if (f.is_length_bad || f.lengths > 1)
		return "Content-Length must be one number";
	if (f.is_coding_bad || f.codings > 1)
		return "the only Transfer-Encoding is chunked";
	if (f.lengths && f.codings)
		return "Content-Length and Transfer-Encoding exclude each other";
	return f.hosts > 1 ? "one Host is enough" : NULL;
}
