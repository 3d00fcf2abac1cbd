/* A write of the status: what it may change of an object, and what the server keeps in it. */
#include "apiserver/strategy_status.h"

#include "apiserver/change.h"
#include "common/base/jsonx.h"
#include "schemas/rule.h"

/* A condition of the list with this type that is the n-th of its kind; NULL: there are not so many. */
static json_t *nth_condition(const json_t *list, const char *type, size_t n)
{
	size_t i;
	json_t *one;
	json_array_foreach ((json_t *)(uintptr_t)list, i, one)
		if (streq(json_str_or(one, "type", ""), type) && n-- == 0)
			return one;
	return NULL;
}

static void keep_generation(json_t *to, const json_t *from)
{
	if (json_int_or(to, "observedGeneration", 0) == 0 &&
	    json_int_or(from, "observedGeneration", 0) != 0)
		json_put_int(to, "observedGeneration", json_int_or(from, "observedGeneration", 0));
}

/* Of a pod: its class, and which generation was seen, where an agent says nothing of them. The status
 * must be the new object's own. */
static void keep_said_by_server(json_t *status, const json_t *old)
{
	const json_t *before = json_object_get(old, "status");
	const json_t *class = json_object_get(before, "qosClass");
	json_t *list = json_object_get(status, "conditions"), *one;
	size_t i;
	if (!status)
		return;
	if (class && !*json_str_or(status, "qosClass", ""))
		json_object_set(status, "qosClass", (json_t *)(uintptr_t) class);
	keep_generation(status, before);
	json_array_foreach (list, i, one) {
		const char *type = json_str_or(one, "type", "");
		size_t n = 0;
		while (nth_condition(list, type, n) != one)
			n++;
		keep_generation(one, nth_condition(json_object_get(before, "conditions"), type, n));
	}
}

/* When a volume came into its phase, if that is not said. */
static void note_phase(const struct change *c, json_t *volume)
{
	static const char at[] = "status.lastPhaseTransitionTime";
	if (streq(json_str_or(volume, "status.phase", ""),
		  json_str_or(c->old_tree, "status.phase", "")) ||
	    (json_dig(volume, at) && !rule_same(json_dig(volume, at), json_dig(c->old_tree, at))))
		return;
	json_t *status = json_copy(json_object_get(volume, "status"));
	json_put_str(status, "lastPhaseTransitionTime", c->now);
	json_object_set_new(volume, "status", status);
}

/* Of the metadata a status write changes all that the kind's own writes change, or nothing. */
static bool keeps_metadata(const struct change *c)
{
	static const char *const kinds[][2] = {
		{ "networking.k8s.io", "ServiceCIDR" },
		{ "storage.k8s.io", "VolumeAttachment" },
		{ "flowcontrol.apiserver.k8s.io", "FlowSchema" },
		{ "flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration" },
		{ "admissionregistration.k8s.io", "ValidatingAdmissionPolicy" },
		{ "apiregistration.k8s.io", "APIService" },
		{ "resource.k8s.io", "ResourceClaim" },
	};
	bool keeps = c->kind->custom != NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		keeps |= change_is_kind(c, kinds[i][0], kinds[i][1]);
	return keeps;
}

static void take_metadata(const struct change *c, json_t *to, const json_t *from)
{
	static const char *const taken[] = { "labels", "annotations", "finalizers",
					     "ownerReferences" };
	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		bool stays =
			(streq(taken[i], "labels") && change_is_kind(c, "apps", "Deployment")) ||
			(streq(taken[i], "ownerReferences") && change_is_kind(c, "", "Pod"));
		if (!stays)
			strategy_keep(to, from, taken[i]);
	}
}

/* A status write: the old object with the new status, and what comes with it of the metadata. */
void strategy_status(struct change *c)
{
	/* Nothing below writes into more than the members of the object and of its metadata. */
	json_t *mixed = json_copy(c->old_tree);
	json_object_set_new(mixed, "metadata", json_copy(json_object_get(c->old_tree, "metadata")));
	json_t *status = json_object_get(c->tree, "status");
	bool is_edited = change_is_kind(c, "", "Pod") ||
			 change_is_kind(c, "certificates.k8s.io", "CertificateSigningRequest");
	if (status && is_edited) /* a patch may share it with the old tree */
		json_object_set_new(mixed, "status", json_deep_copy(status));
	else
		strategy_keep(mixed, c->tree, "status");
	if (!keeps_metadata(c))
		take_metadata(c, json_object_get(mixed, "metadata"),
			      json_object_get(c->tree, "metadata"));
	if (change_is_kind(c, "", "Pod"))
		keep_said_by_server(json_object_get(mixed, "status"), c->old_tree);
	else if (change_is_kind(c, "", "PersistentVolume"))
		note_phase(c, mixed);
	json_decref(c->tree);
	c->tree = mixed;
}
