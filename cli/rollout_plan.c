#include "cli/rollout_plan.h"

#define REVISION "deployment.kubernetes.io/revision"
#define HASH     "pod-template-hash"

int64_t rollout_revision(const json_t *object)
{
	const char *text = json_member_str(json_dig(object, "metadata.annotations"), REVISION);
	return text ? strtoll(text, NULL, 10) : 0;
}

static bool is_controlled_by(const json_t *object, const char *uid)
{
	const json_t *owners = json_dig(object, "metadata.ownerReferences");
	for (size_t i = 0; i < json_array_size(owners); i++) {
		const json_t *o = json_array_get(owners, i);
		if (json_bool_or(o, "controller", false) && streq(json_str_or(o, "uid", ""), uid))
			return true;
	}
	return false;
}

json_t *rollout_revisions(const json_t *sets, const char *owner_uid)
{
	json_t *ret = json_array();
	for (size_t i = 0; i < json_array_size(sets); i++) {
		json_t *set = json_array_get(sets, i);
		size_t at = 0;
		if (!is_controlled_by(set, owner_uid))
			continue;
		while (at < json_array_size(ret) &&
		       rollout_revision(json_array_get(ret, at)) < rollout_revision(set))
			at++;
		json_array_insert(ret, at, set);
	}
	return ret;
}

static const json_t *find_revision(const json_t *revisions, int64_t revision, int64_t present)
{
	const json_t *best = NULL;
	for (size_t i = 0; i < json_array_size(revisions); i++) {
		const json_t *set = json_array_get(revisions, i);
		int64_t n = rollout_revision(set);
		if (revision ? n == revision : n < present)
			best = set; /* they ascend: the last below the present */
	}
	return best;
}

int rollout_undo_patch(const json_t *deployment, const json_t *revisions, int64_t revision,
		       json_t **ret, struct error *err)
{
	int64_t present = rollout_revision(deployment);
	const json_t *set = find_revision(revisions, revision, present);
	if (!set && revision)
		return error_set(err, ERR_NOT_FOUND,
				 "revision %lld is not kept; `skiff rollout history` lists them",
				 (long long)revision);
	if (!set)
		return error_set(err, ERR_NOT_FOUND, "there is no revision before this one");
	*ret = NULL;
	if (rollout_revision(set) == present)
		return 0;
	AUTO_JSON *template = json_deep_copy(json_dig(set, "spec.template"));
	json_object_del(json_dig(template, "metadata.labels"), HASH);
	*ret = json_pack("[{s:s, s:s, s:O}]", "op", "replace", "path", "/spec/template", "value",
			 template);
	return 0;
}
