#include "controller/protection_plan.h"

#include "controller/facts.h"

/* The agent is done with it, or was not asked. */
static bool is_shut_down(const json_t *pod)
{
	return pod_is_terminating(pod) &&
	       json_int_or(pod, "metadata.deletionGracePeriodSeconds", 0) == 0;
}

static bool owns(const json_t *pod, const json_t *claim)
{
	const json_t *owner = controller_of(claim);
	return owner && streq(json_str_or(owner, "uid", ""), uid_of(pod));
}

bool protection_plan_pod_uses(const json_t *pod, const json_t *claim)
{
	const char *name = name_of(claim);
	size_t i;
	json_t *volume;
	if (!*json_str_or(pod, "spec.nodeName", ""))
		return false;
	json_array_foreach (json_dig(pod, "spec.volumes"), i, volume) {
		if (streq(json_str_or(volume, "persistentVolumeClaim.claimName", ""), name))
			return true;
		if (!json_object_get(volume, "ephemeral") || is_shut_down(pod))
			continue;
		auto_free char *own =
			xasprintf("%s-%s", name_of(pod), json_str_or(volume, "name", ""));
		if (streq(own, name) && owns(pod, claim))
			return true;
	}
	return false;
}

bool protection_plan_is_bound(const json_t *volume)
{
	return streq(json_str_or(volume, "status.phase", ""), "Bound");
}

bool protection_plan_uses_class(const json_t *object, const char *class)
{
	static const char *const paths[] = {
		"spec.volumeAttributesClassName", "status.currentVolumeAttributesClassName",
		"status.modifyVolumeStatus.targetVolumeAttributesClassName"
	};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (streq(json_str_or(object, paths[i], ""), class))
			return true;
	return false;
}
