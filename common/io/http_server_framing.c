/*
 * What a request's head must be before anybody looks at what it asks for.
 *
 * Where a request ends must be beyond doubt: two parties that see it at different places let a third one
 * through (request smuggling). What RFC 9112, section 6, lets a server mend is refused here, and its
 * connection closed. It names one host (RFC 9112, section 3.2).
 */
#include "common/io/http_server_internal.h"

#include <ctype.h>
#include <strings.h>

struct framing {
	unsigned lengths, codings, hosts;
	uint32_t initials;
	bool is_length_bad, is_coding_bad, is_line_bad, is_host_bad;
};

static bool is_name(const char *name, size_t len, const char *wanted)
{
	return len == strlen(wanted) && strcasecmp(name, wanted) == 0;
}

static bool ends_at(const char *value, size_t len)
{
	return !value ||
	       (strlen(value) == len && !memchr(value, '\r', len) && !memchr(value, '\n', len));
}

/* What Go's servers take for a host: letters, digits and what may stand in an address. */
static bool is_host(const char *value)
{
	for (; value && *value; value++)
		if (!isalnum((unsigned char)*value) && !strchr("!$%&'()*+,-.:;=[]_~", *value))
			return false;
	return true;
}

static enum MHD_Result look(void *ctx, enum MHD_ValueKind kind, const char *name, size_t name_len,
			    const char *value, size_t value_len)
{
	struct framing *f = ctx;
	(void)kind;
	/* "Content-Length " before its colon is another name to some; a lone CR ends a line to
	 * others. */
	f->is_line_bad |= strcspn(name, " \t\r\n") != name_len || !ends_at(value, value_len);
	f->initials |= server_initial(name);
	if (is_name(name, name_len, "Content-Length")) {
		f->lengths++;
		f->is_length_bad |= !value || !*value || value[strspn(value, "0123456789")];
	} else if (is_name(name, name_len, "Transfer-Encoding")) {
		f->codings++;
		f->is_coding_bad |= !value || strcasecmp(value, "chunked") != 0;
	} else if (is_name(name, name_len, "Host")) {
		f->hosts++;
		f->is_host_bad |= !is_host(value);
	}
	return MHD_YES;
}

/* HTTP/1.0 knows no Host. */
static const char *host_problem(const struct framing *f, const char *version)
{
	if (f->hosts > 1)
		return "one Host is enough";
	if (f->hosts == 0 && !streq(version, "HTTP/1.0"))
		return "missing required Host header";
	return f->is_host_bad ? "malformed Host header" : NULL;
}

const char *server_host_problem(struct MHD_Connection *mhd, const char *version)
{
	struct framing f = { 0 };
	(void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, look, &f);
	return host_problem(&f, version);
}

const char *server_framing_problem(struct MHD_Connection *mhd, const char *version,
				   uint32_t *ret_initials)
{
	struct framing f = { 0 };
	(void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, look, &f);
	*ret_initials = f.initials;
	if (f.is_line_bad)
		return "a header's name holds a blank, or its value an end";
	if (f.is_length_bad || f.lengths > 1)
		return "Content-Length must be one number";
	if (f.is_coding_bad || f.codings > 1)
		return "the only Transfer-Encoding is chunked";
	if (f.lengths && f.codings)
		return "Content-Length and Transfer-Encoding exclude each other";
	return host_problem(&f, version);
}
