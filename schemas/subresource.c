#include "schemas/subresource.h"

#include "common/base/base.h"

#include <string.h>

static const struct subresource subresources[] = {
	{ "approval", "certificates.k8s.io", "v1", NULL, "[\"get\",\"patch\",\"update\"]" },
	{ "attach", "", "v1", "PodAttachOptions", "[\"create\",\"get\"]" },
	{ "binding", "", "v1", "Binding", "[\"create\"]" },
	{ "ephemeralcontainers", "", "v1", NULL, "[\"get\",\"patch\",\"update\"]" },
	{ "eviction", "policy", "v1", "Eviction", "[\"create\"]" },
	{ "exec", "", "v1", "PodExecOptions", "[\"create\",\"get\"]" },
	{ "finalize", "", "v1", NULL, "[\"update\"]" },
	{ "log", "", "v1", NULL, "[\"get\"]" },
	{ "portforward", "", "v1", "PodPortForwardOptions", "[\"create\",\"get\"]" },
	{ "resize", "", "v1", NULL, "[\"get\",\"patch\",\"update\"]" },
	{ "scale", "autoscaling", "v1", "Scale", "[\"get\",\"patch\",\"update\"]" },
	{ "status", "", "", NULL, "[\"get\",\"patch\",\"update\"]" },
	{ "token", "authentication.k8s.io", "v1", "TokenRequest", "[\"create\"]" },
};

static const struct subresource *find_subresource(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(subresources); i++)
		if (streq(subresources[i].name, name))
			return &subresources[i];
	return NULL;
}

size_t subresources_of(const struct schema_kind *k, const struct subresource *ret[SUBRESOURCES_MAX])
{
	size_t n = 0;
	for (const char *const *name = k->subresources; name && *name && n < SUBRESOURCES_MAX - 2;
	     name++) {
		const struct subresource *s = find_subresource(*name);
		if (s)
			ret[n++] = s;
	}
	if (k->has_status && k->custom)
		ret[n++] = find_subresource("status");
	if (k->has_scale)
		ret[n++] = find_subresource("scale");
	if (k->has_status && !k->custom)
		ret[n++] = find_subresource("status");
	return n;
}

bool subresource_offers(const struct subresource *s, const char *verb)
{
	size_t n = strlen(verb);
	for (const char *at = s->verbs; (at = strstr(at, verb)) != NULL; at += n)
		if (at[-1] == '"' && at[n] == '"')
			return true;
	return false;
}

bool subresource_is_stream(const struct subresource *s)
{
	const char *end = s->kind ? strstr(s->kind, "Options") : NULL;
	return end != NULL;
}
