#include "schemas/rule.h"

static void check_ports(const json_t *ports, const struct path *at, struct field_errors *e)
{
	auto_free size_t *firsts = NULL;
	for (size_t i = 0; i < json_array_size(ports); i++) {
		const struct path *here = PATH_AT(at, i);
		const json_t *port = json_array_get(ports, i);
		const char *name = json_str_or(port, "name", "");
		if (*name && !name_is(name_port, name))
			rule_name(e, PATH(here, "name"), name, name_port);
		else if (rule_is_again(&firsts, ports, i, "name"))
			rule_broken(e, FIELD_DUPLICATE, PATH(here, "name"),
				    json_object_get(port, "name"), NULL);
		if (json_int_or(port, "containerPort", 0) == 0)
			rule_required(e, PATH(here, "containerPort"), NULL);
		else
			rule_port(e, PATH(here, "containerPort"),
				  json_object_get(port, "containerPort"));
		if (json_int_or(port, "hostPort", 0) != 0)
			rule_port(e, PATH(here, "hostPort"), json_object_get(port, "hostPort"));
	}
}

static void check_key_ref(const json_t *ref, const struct path *at, struct field_errors *e)
{
	rule_name(e, PATH(at, "name"), json_str_or(ref, "name", ""), name_dns_subdomain);
	rule_required_name(e, PATH(at, "key"), json_str(ref, "key"), name_config_key);
}

static void check_value_from(const json_t *env, const struct path *at, struct field_errors *e)
{
	const json_t *from = json_object_get(env, "valueFrom");
	if (!from)
		return;
	static const char *const known[] = { "metadata.name",
					     "metadata.namespace",
					     "metadata.uid",
					     "spec.nodeName",
					     "spec.serviceAccountName",
					     "status.hostIP",
					     "status.hostIPs",
					     "status.podIP",
					     "status.podIPs",
					     NULL };
	size_t sources = json_object_size(from);
	AUTO_JSON *empty = json_string("");
	if (json_object_get(from, "fieldRef"))
		validate_field_ref(json_object_get(from, "fieldRef"), known, PATH(at, "fieldRef"),
				   e);
	if (json_object_get(from, "resourceFieldRef"))
		validate_resource_ref(json_object_get(from, "resourceFieldRef"), false,
				      PATH(at, "resourceFieldRef"), e);
	if (json_object_get(from, "configMapKeyRef"))
		check_key_ref(json_object_get(from, "configMapKeyRef"), PATH(at, "configMapKeyRef"),
			      e);
	if (json_object_get(from, "secretKeyRef"))
		check_key_ref(json_object_get(from, "secretKeyRef"), PATH(at, "secretKeyRef"), e);
	if (sources == 0)
		rule_broken(e, FIELD_INVALID, at, empty,
			    "must specify one of: `fieldRef`, `resourceFieldRef`, "
			    "`configMapKeyRef`, `secretKeyRef` or `fileKeyRef`");
	else if (*json_str_or(env, "value", ""))
		rule_broken(e, FIELD_INVALID, at, empty,
			    "may not be specified when `value` is not empty");
	else if (sources > 1)
		rule_broken(e, FIELD_INVALID, at, empty,
			    "may not have more than one field specified at a time");
}

static void check_env(const json_t *container, const struct path *at, struct field_errors *e)
{
	const json_t *env = json_object_get(container, "env");
	for (size_t i = 0; i < json_array_size(env); i++) {
		const struct path *here = PATH_AT(PATH(at, "env"), i);
		const json_t *one = json_array_get(env, i);
		rule_required_name(e, PATH(here, "name"), json_str(one, "name"), name_env);
		check_value_from(one, PATH(here, "valueFrom"), e);
	}
	const json_t *from = json_object_get(container, "envFrom");
	for (size_t i = 0; i < json_array_size(from); i++) {
		const struct path *here = PATH_AT(PATH(at, "envFrom"), i);
		const json_t *one = json_array_get(from, i);
		const json_t *map = json_object_get(one, "configMapRef");
		const json_t *secret = json_object_get(one, "secretRef");
		AUTO_JSON *empty = json_string("");
		if (map)
			rule_required_name(e, PATH(PATH(here, "configMapRef"), "name"),
					   json_str(map, "name"), name_dns_subdomain);
		if (secret)
			rule_required_name(e, PATH(PATH(here, "secretRef"), "name"),
					   json_str(secret, "name"), name_dns_subdomain);
		if (!map && !secret)
			rule_broken(e, FIELD_INVALID, PATH(at, "envFrom"), empty,
				    "must specify one of: `configMapRef` or `secretRef`");
		else if (map && secret)
			rule_broken(e, FIELD_INVALID, PATH(at, "envFrom"), empty,
				    "may not have more than one field specified at a time");
	}
}

static void check_http(const json_t *http, const struct path *at, struct field_errors *e)
{
	rule_required(e, PATH(at, "path"), json_str(http, "path"));
	rule_port_or_name(e, PATH(at, "port"), json_object_get(http, "port"));
	const json_t *headers = json_object_get(http, "httpHeaders");
	for (size_t i = 0; i < json_array_size(headers); i++)
		rule_name(e, PATH(at, "httpHeaders"),
			  json_str_or(json_array_get(headers, i), "name", ""), name_http_header);
}

static void check_grpc(const json_t *grpc, const struct path *at, struct field_errors *e)
{
	AUTO_JSON *port = json_integer(json_int_or(grpc, "port", 0));
	rule_port(e, PATH(at, "port"), port);
}

static void check_sleep(const json_t *sleep, int64_t grace_s, const struct path *at,
			struct field_errors *e)
{
	int64_t seconds = json_int_or(sleep, "seconds", 0);
	if (seconds < 0 || seconds > grace_s)
		rule_broken(e, FIELD_INVALID, at, json_object_get(sleep, "seconds"),
			    "must be non-negative and less than terminationGracePeriodSeconds "
			    "(%lld)",
			    (long long)grace_s);
}

/* `grace_s`: how long the pod may take to end. */
static void check_handler(const json_t *handler, int64_t grace_s, const struct path *at,
			  struct field_errors *e)
{
	static const char *const types[] = { "exec", "httpGet", "tcpSocket", "grpc", "sleep" };
	size_t count = 0;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const json_t *one = json_object_get(handler, types[i]);
		const struct path *here = PATH(at, types[i]);
		if (!one)
			continue;
		if (count++ > 0)
			rule_broken(e, FIELD_FORBIDDEN, here, NULL,
				    "may not specify more than 1 handler type");
		else if (i == 0 && json_array_size(json_object_get(one, "command")) == 0)
			rule_required(e, PATH(here, "command"), NULL);
		else if (i == 1)
			check_http(one, here, e);
		else if (i == 2)
			rule_port_or_name(e, PATH(here, "port"), json_object_get(one, "port"));
		else if (i == 3)
			check_grpc(one, here, e);
		else if (i == 4)
			check_sleep(one, grace_s, here, e);
	}
	if (count == 0)
		rule_broken(e, FIELD_REQUIRED, at, NULL, "must specify a handler type");
}

static void check_probe(const json_t *probe, const char *name, const struct path *at,
			struct field_errors *e)
{
	if (!probe)
		return;
	check_handler(probe, 0, at, e);
	const json_t *grace = json_object_get(probe, "terminationGracePeriodSeconds");
	if (grace && json_integer_value(grace) <= 0)
		rule_broken(e, FIELD_INVALID, PATH(at, "terminationGracePeriodSeconds"), grace,
			    "must be greater than 0");
	if (streq(name, "readinessProbe")) {
		if (grace)
			rule_broken(e, FIELD_INVALID, PATH(at, "terminationGracePeriodSeconds"),
				    grace, "must not be set for readinessProbes");
	} else if (json_int_or(probe, "successThreshold", 1) != 1) {
		rule_broken(e, FIELD_INVALID, PATH(at, "successThreshold"),
			    json_object_get(probe, "successThreshold"), "must be 1");
	}
}

static void check_lifecycle(const json_t *spec, const json_t *container, const struct path *at,
			    struct field_errors *e)
{
	static const char *const hooks[] = { "postStart", "preStop" };
	const json_t *lifecycle = json_object_get(container, "lifecycle");
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++) {
		const json_t *hook = json_object_get(lifecycle, hooks[i]);
		if (hook)
			check_handler(hook, json_int_or(spec, "terminationGracePeriodSeconds", 0),
				      PATH(PATH(at, "lifecycle"), hooks[i]), e);
	}
}

static void check_common(const json_t *container, const struct pod_names *pod,
			 const struct path *at, struct field_errors *e)
{
	const json_t *resources = json_object_get(container, "resources");
	const char *name = json_str_or(container, "name", "");
	rule_required_name(e, PATH(at, "name"), name, name_dns_label);
	rule_required(e, PATH(at, "image"), json_str(container, "image"));
	check_ports(json_object_get(container, "ports"), PATH(at, "ports"), e);
	check_env(container, at, e);
	validate_mounts(container, pod, at, e);
	validate_resources(resources, PATH(at, "resources"), e);
	validate_container_claims(resources, pod, PATH(at, "resources"), e);
	validate_resize_policy(container, pod->spec, at, e);
}

static void check_name_is_new(const json_t *one, bool is_taken, const struct path *at,
			      struct field_errors *e)
{
	const json_t *name = json_object_get(one, "name");
	if (is_taken && json_string_length(name))
		rule_broken(e, FIELD_DUPLICATE, PATH(at, "name"), name, NULL);
}

/* The same protocol, address and host port twice. */
static void check_host_ports(const json_t *list, const struct path *at, struct field_errors *e)
{
	AUTO_JSON *seen = json_object();
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *ports = json_object_get(json_array_get(list, i), "ports");
		const struct path *here = PATH(PATH_AT(at, i), "ports");
		for (size_t k = 0; k < json_array_size(ports); k++) {
			const json_t *port = json_array_get(ports, k);
			int64_t number = json_int_or(port, "hostPort", 0);
			if (number == 0)
				continue;
			auto_free char *text =
				xasprintf("%s/%s/%lld", json_str_or(port, "protocol", ""),
					  json_str_or(port, "hostIP", ""), (long long)number);
			AUTO_JSON *shown = json_string_nocheck(text);
			if (json_object_get(seen, text))
				rule_broken(e, FIELD_DUPLICATE, PATH(PATH_AT(here, k), "hostPort"),
					    shown, NULL);
			json_object_set_new_nocheck(seen, text, json_true());
		}
	}
}

static const char *const probe_names[] = { "livenessProbe", "readinessProbe", "startupProbe" };

static void check_init(const json_t *spec, const json_t *container, const struct path *at,
		       struct field_errors *e)
{
	static const char *const barred[] = { "lifecycle", "livenessProbe", "readinessProbe",
					      "startupProbe" };
	if (streq(json_str_or(container, "restartPolicy", ""), "Always")) {
		check_lifecycle(spec, container, at, e);
		for (size_t i = 0; i < ARRAY_LEN(probe_names); i++)
			check_probe(json_object_get(container, probe_names[i]), probe_names[i],
				    PATH(at, probe_names[i]), e);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(barred); i++)
		if (json_object_get(container, barred[i]))
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, barred[i]), NULL,
				    "may not be set for init containers without "
				    "restartPolicy=Always");
}

static void check_security(const json_t *spec, const json_t *container, const struct path *at,
			   struct field_errors *e)
{
	validate_container_security(json_object_get(container, "securityContext"),
				    json_bool_or(spec, "hostUsers", true),
				    PATH(at, "securityContext"), e);
}

/* What a pod's service rests on is not for containers that come and go. */
static void check_barred(const json_t *container, const struct path *at, struct field_errors *e)
{
	static const char *const barred[] = {
		"ports",          "resources",          "resizePolicy",
		"restartPolicy",  "restartPolicyRules", "livenessProbe",
		"readinessProbe", "startupProbe",       "lifecycle"
	};
	const json_t *mounts = json_object_get(container, "volumeMounts");
	for (size_t i = 0; i < ARRAY_LEN(barred); i++) {
		const json_t *value = json_object_get(container, barred[i]);
		bool is_empty = json_is_object(value)  ? json_object_size(value) == 0
				: json_is_array(value) ? json_array_size(value) == 0
						       : !value;
		if (!is_empty)
			rule_broken(e, FIELD_FORBIDDEN, PATH(at, barred[i]), NULL,
				    "cannot be set for an Ephemeral Container");
	}
	static const char *const paths[] = { "subPath", "subPathExpr" };
	for (size_t i = 0; i < json_array_size(mounts); i++)
		for (size_t k = 0; k < ARRAY_LEN(paths); k++)
			if (*json_str_or(json_array_get(mounts, i), paths[k], ""))
				rule_broken(e, FIELD_FORBIDDEN,
					    PATH(PATH_AT(PATH(at, "volumeMounts"), i), paths[k]),
					    NULL, "cannot be set for an Ephemeral Container");
}

static void check_ephemeral(const struct pod_names *pod, const struct rule_names *mains,
			    const struct path *at, struct field_errors *e)
{
	const json_t *spec = pod->spec;
	const json_t *list = json_object_get(spec, "ephemeralContainers");
	auto_free size_t *firsts = RULE_FIRSTS(list, "name");
	AUTO_NAMES inits;
	rule_names_init(&inits, json_object_get(spec, "initContainers"), "name");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const struct path *one = PATH_AT(at, i);
		const json_t *container = json_array_get(list, i);
		const char *name = json_str_or(container, "name", "");
		const char *image = json_str_or(container, "image", "");
		const char *target = json_str_or(container, "targetContainerName", "");
		check_common(container, pod, one, e);
		check_security(spec, container, one, e);
		if (*image &&
		    (strchr(" \t\r\n", *image) || strchr(" \t\r\n", image[strlen(image) - 1])))
			rule_bad_text(e, FIELD_INVALID, PATH(one, "image"), image,
				      "must not have leading or trailing whitespace");
		check_name_is_new(container,
				  firsts[i] != i || rule_names_has(mains, name) ||
					  rule_names_has(&inits, name),
				  one, e);
		if (*target && !rule_names_has(mains, target) && !rule_names_has(&inits, target))
			rule_bad_text(e, FIELD_NOT_FOUND, PATH(one, "targetContainerName"), target,
				      NULL);
		check_barred(container, one, e);
	}
}

void validate_containers(const json_t *spec, const json_t *volumes, const struct path *at,
			 struct field_errors *e)
{
	const json_t *list = json_object_get(spec, "containers");
	const json_t *inits = json_object_get(spec, "initContainers");
	const struct path *here = PATH(at, "containers");
	auto_free size_t *firsts = RULE_FIRSTS(list, "name");
	auto_free size_t *init_firsts = RULE_FIRSTS(inits, "name");
	struct pod_names pod = { .spec = spec, .volumes = volumes };
	AUTO_NAMES mains;
	rule_names_init(&mains, list, "name");
	rule_names_init(&pod.volume_names, volumes, "name");
	rule_names_init(&pod.claim_names, json_object_get(spec, "resourceClaims"), "name");
	if (json_array_size(list) == 0)
		rule_required(e, here, NULL);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const struct path *one = PATH_AT(here, i);
		const json_t *container = json_array_get(list, i);
		check_common(container, &pod, one, e);
		check_security(spec, container, one, e);
		check_name_is_new(container, firsts[i] != i, one, e);
		check_lifecycle(spec, container, one, e);
		validate_restart(container, one, e);
		for (size_t k = 0; k < ARRAY_LEN(probe_names); k++)
			check_probe(json_object_get(container, probe_names[k]), probe_names[k],
				    PATH(one, probe_names[k]), e);
	}
	check_host_ports(list, here, e);
	here = PATH(at, "initContainers");
	for (size_t i = 0; i < json_array_size(inits); i++) {
		const struct path *one = PATH_AT(here, i);
		const json_t *init = json_array_get(inits, i);
		bool is_taken = init_firsts[i] != i ||
				rule_names_has(&mains, json_str_or(init, "name", ""));
		check_common(init, &pod, one, e);
		validate_restart(init, one, e);
		check_security(spec, init, one, e);
		check_name_is_new(init, is_taken, one, e);
		check_init(spec, init, one, e);
	}
	check_ephemeral(&pod, &mains, PATH(at, "ephemeralContainers"), e);
	rule_names_fini(&pod.volume_names);
	rule_names_fini(&pod.claim_names);
}
