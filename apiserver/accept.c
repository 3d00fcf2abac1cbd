#include "apiserver/accept.h"

#include <stdio.h>
#include <strings.h>

struct media {
	char type[96];
	char as[48], group[64], version[16];
	double q;
	bool is_pretty;
};

static void copy(char *to, size_t size, const char *from, size_t n)
{
	n = MIN(n, size - 1);
	memcpy(to, from, n);
	to[n] = '\0';
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* "name=value" of n bytes into the place for it. */
static void parameter(struct media *m, const char *p, size_t n)
{
	const char *equals = memchr(p, '=', n);
	if (!equals)
		return;
	size_t name = (size_t)(equals - p);
	const char *value = equals + 1;
	size_t len = n - name - 1;
	while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	if (name == 1 && *p == 'q') {
		char text[16];
		copy(text, sizeof text, value, len);
		char *end;
		m->q = strtod(text, &end);
		if (end == text || *end)
			m->q = 1;
	} else if (name == 1 && *p == 'g') {
		copy(m->group, sizeof m->group, value, len);
	} else if (name == 1 && *p == 'v') {
		copy(m->version, sizeof m->version, value, len);
	} else if (name == 2 && memcmp(p, "as", 2) == 0) {
		copy(m->as, sizeof m->as, value, len);
	} else if (name == 6 && memcmp(p, "pretty", 6) == 0) {
		m->is_pretty = len == 1 && *value == '1';
	}
}

/* One media range; returns where the next begins, or NULL at the end. */
static const char *next_media(const char *p, struct media *m)
{
	*m = (struct media){ .q = 1 };
	p = skip_blanks(p);
	size_t n = strcspn(p, ",;");
	size_t len = n;
	while (len && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	copy(m->type, sizeof m->type, p, len);
	p += n;
	while (*p == ';') {
		p = skip_blanks(p + 1);
		n = strcspn(p, ",;");
		parameter(m, p, n);
		p += n;
	}
	return *p == ',' ? p + 1 : NULL;
}

static bool encoding_of(const struct media *m, const struct accept_offer *offer,
			enum schema_encoding *ret)
{
	if (streq(m->type, "*/*") || streq(m->type, "application/*") ||
	    strcasecmp(m->type, "application/json") == 0)
		*ret = SCHEMA_JSON;
	else if (offer->yaml && strcasecmp(m->type, "application/yaml") == 0)
		*ret = SCHEMA_YAML;
	else if ((offer->protobuf || (offer->partial_protobuf && starts_with(m->as, "Partial"))) &&
		 strcasecmp(m->type, "application/vnd.kubernetes.protobuf") == 0)
		*ret = SCHEMA_PROTOBUF;
	else
		return false;
	return true;
}

static bool rendering_of(const struct media *m, const struct accept_offer *offer,
			 enum accept_as *ret)
{
	static const struct {
		const char *as, *group;
		enum accept_as value;
	} known[] = { { "Table", "meta.k8s.io", ACCEPT_TABLE },
		      { "PartialObjectMetadata", "meta.k8s.io", ACCEPT_PARTIAL },
		      { "PartialObjectMetadataList", "meta.k8s.io", ACCEPT_PARTIAL_LIST },
		      { "APIGroupDiscoveryList", "apidiscovery.k8s.io", ACCEPT_DISCOVERY } };
	*ret = ACCEPT_OBJECT;
	if (!*m->as)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (!streq(m->as, known[i].as) || !streq(m->group, known[i].group))
			continue;
		*ret = known[i].value;
		if (*ret == ACCEPT_TABLE)
			return offer->table &&
			       (streq(m->version, "v1") || streq(m->version, "v1beta1"));
		if (*ret == ACCEPT_DISCOVERY)
			return offer->discovery && streq(m->version, "v2");
		return offer->partial && (streq(m->version, "v1") || streq(m->version, "v1beta1"));
	}
	return false;
}

bool accept_choose(const char *header, const struct accept_offer *offer, struct accept *ret)
{
	*ret = (struct accept){ .encoding = SCHEMA_JSON, .as = ACCEPT_OBJECT };
	if (!header || !*skip_blanks(header))
		return true;
	/* What weighs nothing is the last choice, and still one, as to Kubernetes. */
	double best = -1;
	const char *p = header;
	for (int i = 0; p && i < 64; i++) {
		struct media m;
		struct accept a = { 0 };
		p = next_media(p, &m);
		if (m.q <= best || !encoding_of(&m, offer, &a.encoding) ||
		    !rendering_of(&m, offer, &a.as))
			continue;
		if (a.as == ACCEPT_TABLE && a.encoding != SCHEMA_JSON)
			continue;
		copy(a.as_version, sizeof a.as_version, m.version, strlen(m.version));
		a.is_pretty = m.is_pretty;
		best = m.q;
		*ret = a;
	}
	return best >= 0;
}

bool accept_names_known(const char *header)
{
	static const struct accept_offer all = { .protobuf = true, .yaml = true };
	const char *p = header;
	for (int i = 0; p && i < 64; i++) {
		struct media m;
		enum schema_encoding encoding;
		p = next_media(p, &m);
		if (encoding_of(&m, &all, &encoding))
			return true;
	}
	return false;
}

/* "application/json", "application/" and a star, two stars, or one, which old Java libraries send. */
static bool takes(const struct media *m, const char *type)
{
	size_t n = strlen(m->type);
	if (streq(m->type, "*/*") || streq(m->type, "*"))
		return true;
	if (n > 1 && streq(m->type + n - 2, "/*"))
		return strncasecmp(m->type, type, n - 1) == 0;
	return strcasecmp(m->type, type) == 0;
}

size_t accept_choose_type(const char *header, const char *const *types, size_t n)
{
	const char *p = header && *skip_blanks(header) ? header : "*/*";
	double best = -1;
	bool is_named = false; /* not by a star */
	size_t chosen = SIZE_MAX;
	for (int i = 0; p && i < 64; i++) {
		struct media m;
		size_t k = 0;
		p = next_media(p, &m);
		bool names = strchr(m.type, '*') == NULL;
		while (k < n && !takes(&m, types[k]))
			k++;
		if (k == n || m.q < best ||
		    (chosen != SIZE_MAX && m.q <= best && (is_named || !names)))
			continue;
		best = m.q;
		is_named = names;
		chosen = k;
	}
	return chosen;
}

bool accept_gzip(const char *header)
{
	const char *p = header;
	for (int i = 0; p && i < 64; i++) {
		struct media m;
		p = next_media(p, &m);
		if (strcasecmp(m.type, "gzip") == 0)
			return m.q > 0;
	}
	return false;
}

bool content_type_is(const char *header, const char *type)
{
	if (!header)
		return false;
	header = skip_blanks(header);
	size_t n = strcspn(header, "; \t");
	return n == strlen(type) && strncasecmp(header, type, n) == 0;
}

bool content_type_encoding(const char *header, enum schema_encoding *ret)
{
	static const struct {
		const char *type;
		enum schema_encoding encoding;
	} known[] = { { "application/json", SCHEMA_JSON },
		      { "application/yaml", SCHEMA_YAML },
		      { "application/vnd.kubernetes.protobuf", SCHEMA_PROTOBUF } };
	*ret = SCHEMA_JSON;
	if (!header || !*skip_blanks(header))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (content_type_is(header, known[i].type)) {
			*ret = known[i].encoding;
			return true;
		}
	return false;
}
