/* NodeRestriction of tokens: an agent asks for the accounts of its own pods, bound to the pod, and for
 * audiences that the pod's volumes name, or that a role lets it ask for. */
#include "apiserver/authz.h"
#include "apiserver/authz_node.h"
#include "apiserver/change.h"
#include "common/base/jsonx.h"

#define REASON_MAX 16384

static int forbid(struct request *r, struct failure *f, const char *text)
{
	return fail_forbidden(f, r->target.kind, r->target.name, "%s", text);
}

/* ---- what a pod's volumes name ---- */

static bool projects(const json_t *volume, const char *audience)
{
	size_t i;
	json_t *source;
	json_array_foreach (json_dig(volume, "projected.sources"), i, source) {
		const json_t *token = json_object_get(source, "serviceAccountToken");
		if (token && streq(json_str_or(token, "audience", ""), audience))
			return true;
	}
	return false;
}

static json_t *tree_of(struct request *r, const char *group, const char *kind, const char *ns,
		       const char *name)
{
	const struct object *o =
		hub_get(r->server->hub, schema_kind_by_kind(group, "v1", kind), ns, name);
	return o ? object_tree(o) : NULL;
}

/* The driver behind a volume, the caller's; NULL: there is none. */
static char *driver_of(struct request *r, const json_t *pod, const json_t *volume)
{
	const char *direct = json_str(volume, "csi.driver");
	const char *claim = json_str(volume, "persistentVolumeClaim.claimName");
	if (direct)
		return xstrdup(direct);
	auto_free char *own = json_object_get(volume, "ephemeral")
				      ? xasprintf("%s-%s", json_str_or(pod, "metadata.name", ""),
						  json_str_or(volume, "name", ""))
				      : NULL;
	if (!claim && !own)
		return NULL;
	AUTO_JSON *bound =
		tree_of(r, "", "PersistentVolumeClaim", r->target.ns, claim ? claim : own);
	AUTO_JSON *disk =
		tree_of(r, "", "PersistentVolume", NULL, json_str_or(bound, "spec.volumeName", ""));
	const char *driver = json_str(disk, "spec.csi.driver");
	return driver ? xstrdup(driver) : NULL;
}

static bool driver_asks(struct request *r, const char *name, const char *audience)
{
	AUTO_JSON *driver = tree_of(r, "storage.k8s.io", "CSIDriver", NULL, name);
	size_t i;
	json_t *one;
	json_array_foreach (json_dig(driver, "spec.tokenRequests"), i, one)
		if (streq(json_str_or(one, "audience", ""), audience))
			return true;
	return false;
}

static bool pod_names(struct request *r, const json_t *pod, const char *audience)
{
	size_t i;
	json_t *volume;
	json_array_foreach (json_dig(pod, "spec.volumes"), i, volume) {
		auto_free char *driver = driver_of(r, pod, volume);
		if (projects(volume, audience) || (driver && driver_asks(r, driver, audience)))
			return true;
	}
	return false;
}

static bool role_lets(struct request *r, const char *audience)
{
	AUTO_STR reason;
	str_init(&reason, REASON_MAX);
	const struct access a = { .is_resource = true,
				  .verb = "request-serviceaccounts-token-audience",
				  .group = "",
				  .resource = audience,
				  .subresource = "",
				  .name = r->target.name,
				  .ns = r->target.ns,
				  .path = "",
				  .field_node = "" };
	return authz_allows(r->server, &r->who, &a, &reason);
}

static int check_audience(struct request *r, const json_t *body, const json_t *pod,
			  struct failure *f)
{
	const json_t *list = json_dig(body, "spec.audiences");
	const char *audience = json_string_value(json_array_get(list, 0));
	if (json_array_size(list) > 1)
		return forbid(r, f, "node may only request 0 or 1 audiences");
	audience = audience ? audience : "";
	if (pod_names(r, pod, audience) || role_lets(r, audience))
		return 0;
	return fail_forbidden(f, r->target.kind, r->target.name,
			      "audience \"%s\" not found in pod spec volume, %s is not authorized "
			      "to request tokens for this audience",
			      audience, r->who.name);
}

int admit_node_token(struct request *r, const json_t *body, struct failure *f)
{
	const char *node = authz_node_name(&r->who);
	if (!node || identity_in_group(&r->who, "system:masters"))
		return 0;
	const struct schema_kind *k = schema_kind_by_kind("", "v1", "Pod");
	const char *name = json_str_or(body, "spec.boundObjectRef.name", "");
	const char *uid = json_str_or(body, "spec.boundObjectRef.uid", "");
	if (!streq(json_str_or(body, "spec.boundObjectRef.kind", ""), "Pod") || !*name ||
	    !streq(json_str_or(body, "spec.boundObjectRef.apiVersion", ""), "v1"))
		return forbid(r, f, "node requested token not bound to a pod");
	if (!*uid)
		return forbid(r, f, "node requested token with a pod binding without a uid");
	struct object *o = hub_get(r->server->hub, k, r->target.ns, name);
	if (!o)
		return fail_not_found(f, k, name);
	if (!object_has_uid(o, uid))
		return fail_forbidden(f, r->target.kind, r->target.name,
				      "the UID in the bound object reference (%s) does not match "
				      "the UID in record. The object might have been deleted and "
				      "then recreated",
				      uid);
	if (!object_field_is(o, "spec.nodeName", node) ||
	    !object_field_is(o, "spec.serviceAccountName", r->target.name))
		return forbid(r, f,
			      "node requested token bound to a pod scheduled on a different node");
	AUTO_JSON *pod = object_tree(o);
	return check_audience(r, body, pod, f);
}
