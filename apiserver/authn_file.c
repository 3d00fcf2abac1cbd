#include "apiserver/authn_file.h"
#include "common/base/map.h"
#include "common/io/tls.h"

#define COLUMNS 4

struct entry {
	char *at[COLUMNS]; /* token, user, uid, groups; the token itself is not kept */
};

struct authn_file {
	struct map by_digest; /* so that a look-up's time says nothing of a token */
};

static void digest_of(const char *token, char out[2 * TLS_SHA256_SIZE + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[TLS_SHA256_SIZE];
	tls_sha256(token, strlen(token), digest);
	for (size_t i = 0; i < sizeof digest; i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[2 * TLS_SHA256_SIZE] = '\0';
}

static void entry_free(struct entry *e)
{
	for (size_t i = 0; e && i < COLUMNS; i++)
		free(e->at[i]);
	free(e);
}
DEFINE_CLEANUP(entry)

/* One field; *p is left behind its comma, or at the end of the line. */
static char *take_field(const char **p)
{
	AUTO_STR out;
	str_init(&out, 65536);
	const char *s = *p;
	bool quoted = *s == '"';
	s += quoted;
	for (; *s && *s != '\n'; s++) {
		if (quoted && *s == '"') {
			if (s[1] != '"')
				break;
			s++;
		} else if (!quoted && *s == ',') {
			break;
		}
		if (*s != '\r')
			str_add_char(&out, *s);
	}
	s += quoted && *s == '"';
	s += *s == '\r';
	s += *s == ',';
	*p = s;
	return str_take(&out);
}

static int read_line(struct authn_file *f, const char **p, int number, struct error *err)
{
	AUTO(entry) *e = xcalloc(1, sizeof *e);
	size_t n = 0;
	while (**p && **p != '\n' && n < COLUMNS)
		e->at[n++] = take_field(p);
	if (n < 3 || !*e->at[0] || !*e->at[1] || (**p && **p != '\n'))
		return error_set(err, ERR_MALFORMED,
				 "line %d: it must be TOKEN,USER,UID[,\"GROUP,GROUP…\"]", number);
	char digest[2 * TLS_SHA256_SIZE + 1];
	digest_of(e->at[0], digest);
	explicit_bzero(e->at[0], strlen(e->at[0]));
	entry_free(map_put(&f->by_digest, digest, TAKE(e)));
	return 0;
}

int authn_file_new(const char *text, struct authn_file **ret, struct error *err)
{
	AUTO(authn_file) *f = xcalloc(1, sizeof *f);
	int number = 1;
	for (const char *p = text; *p; number++) {
		bool empty = *p == '\n' || *p == '#';
		if (!empty && read_line(f, &p, number, err) < 0)
			return err->code;
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	*ret = TAKE(f);
	return 0;
}

void authn_file_free(struct authn_file *f)
{
	void *e;
	for (size_t i = 0; f && (i = map_next(&f->by_digest, i, NULL, &e)) != 0;)
		entry_free(e);
	if (f)
		map_fini(&f->by_digest);
	free(f);
}

bool authn_file_token(const struct authn_file *f, const char *token, struct identity *ret)
{
	char digest[2 * TLS_SHA256_SIZE + 1];
	digest_of(token, digest);
	const struct entry *e = map_get(&f->by_digest, digest);
	if (!e)
		return false;
	ret->name = xstrdup(e->at[1]);
	ret->uid = xstrdup(e->at[2]);
	auto_free char *groups = xstrdup(e->at[3] ? e->at[3] : "");
	char *rest = groups;
	for (char *group; (group = strsep(&rest, ","));)
		if (*group)
			identity_add_group(ret, group);
	identity_add_group(ret, "system:authenticated");
	return true;
}
