/*
 * rule.h - what the validation files share: saying that a rule is broken, and the checks that
 * many kinds need. `at` is where the value stands; values may be NULL (absent). Pure.
 */
#pragma once

#include "common/base/jsonx.h"
#include "schemas/names.h"
#include "schemas/path.h"
#include "schemas/schema.h"

void rule_broken(struct field_errors *e, enum field_error_type type, const struct path *at,
		 const json_t *value, const char *detail, ...) PRINTF_LIKE(5, 6);

/* The value is of that type (or a list of such), and shown as it is printed: members in the order of
 * the table, without what is empty. */
void rule_broken_as(struct field_errors *e, enum field_error_type type, const struct path *at,
		    const char *type_name, const json_t *value, const char *detail, ...)
	PRINTF_LIKE(6, 7);
/* The same as the original has it inside: names with a capital, and all of them. */
void rule_broken_inside(struct field_errors *e, enum field_error_type type, const struct path *at,
			const char *type_name, const json_t *value, const char *detail, ...)
	PRINTF_LIKE(6, 7);

/* Takes what `one` holds. */
void field_errors_move(struct field_errors *e, struct field_error *one);

/* Each problem of the name is one error. */
void rule_name(struct field_errors *e, const struct path *at, const char *value, name_check *check);
void rule_required(struct field_errors *e, const struct path *at, const char *value);
/* Required and a name. */
void rule_required_name(struct field_errors *e, const struct path *at, const char *value,
			name_check *check);
/* `allowed` is NULL-terminated; shown sorted. What is no text passes. */
void rule_one_of(struct field_errors *e, const struct path *at, const json_t *value,
		 const char *const *allowed);
void rule_port(struct field_errors *e, const struct path *at, const json_t *port);
void rule_port_or_name(struct field_errors *e, const struct path *at, const json_t *port);
void rule_labels(struct field_errors *e, const struct path *at, const json_t *labels);
void rule_label_selector(struct field_errors *e, const struct path *at, const json_t *selector);
void rule_ip(struct field_errors *e, const struct path *at, const json_t *ip);
/* Equal but for empty values: else "field is immutable". */
void rule_unchanged(struct field_errors *e, const struct path *at, const json_t *now,
		    const json_t *before);
/* The same of a text that is empty where it is not given. */
void rule_unchanged_text(struct field_errors *e, const struct path *at, const json_t *now,
			 const json_t *before);
/* The same of a LabelSelector, which is shown as it is printed. */
void rule_unchanged_selector(struct field_errors *e, const struct path *at, const json_t *now,
			     const json_t *before);
bool rule_same(const json_t *a, const json_t *b);
/* The value is a text (NULL: an empty one). */
void rule_bad_text(struct field_errors *e, enum field_error_type type, const struct path *at,
		   const char *value, const char *detail, ...) PRINTF_LIKE(5, 6);
void rule_bad_count(struct field_errors *e, const struct path *at, size_t count, size_t max);
/* A list of more than `max`: said, and true. */
bool rule_is_too_many(const json_t *list, size_t max, const struct path *at,
		      struct field_errors *e);
/* For each element the place of the first that has the same in all these members (dotted paths, at
 * most four; none: the whole element). What is absent is as "" and 0. The array is the caller's; it is
 * made in n log n steps. */
#define RULE_FIRSTS(list, ...)                                                                     \
	rule_firsts_of((list), (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
size_t *rule_firsts_of(const json_t *list, const char *const *members);
/* Two names of the list are the same: of the one at `i`, with one before it; an empty one never is.
 * `member` may be NULL: texts. *firsts is NULL at first, the caller's afterwards. */
bool rule_is_again(size_t **firsts, const json_t *list, size_t i, const char *member);

/* The texts that the elements of a list have at a path (NULL: that they are), to be found in log n
 * steps. They borrow from the list. */
#define RULE_NOWHERE SIZE_MAX
struct rule_names {
	struct rule_place {
		const char *text; /* "": there is none */
		size_t place;
	} * at;
	size_t count;
};
void rule_names_init(struct rule_names *names, const json_t *list, const char *member);
void rule_names_fini(struct rule_names *names);
/* Where in `at` the first that is not less stands; behind it all others that are the same. */
size_t rule_names_sorted(const struct rule_names *names, const char *text);
/* The place of the first; RULE_NOWHERE: there is none. */
size_t rule_names_find(const struct rule_names *names, const char *text);
bool rule_names_has(const struct rule_names *names, const char *text);
#define AUTO_NAMES __attribute__((cleanup(rule_names_fini))) struct rule_names

/* `allowed` is NULL-terminated and shown as it stands; an empty or absent value is none of them. */
bool rule_is_one_of(const char *value, const char *const *allowed);
void rule_unsupported(struct field_errors *e, const struct path *at, const char *value,
		      const char *const *allowed);
void rule_enum(struct field_errors *e, const struct path *at, const json_t *o, const char *name,
	       const char *const *allowed);
/* Of the member `name` of `o`, where it is given. */
void rule_at_least(struct field_errors *e, const struct path *at, const json_t *o, const char *name,
		   int64_t min);
void rule_between(struct field_errors *e, const struct path *at, const json_t *o, const char *name,
		  int64_t min, int64_t max);
/* A number that is not negative, or a percentage. Gives its number; -1: neither. */
int64_t rule_amount(struct field_errors *e, const struct path *at, const json_t *value);
void rule_not_over_100_percent(struct field_errors *e, const struct path *at, const json_t *value);
bool rule_path_goes_back(const char *path); /* has a part ".." */
/* A path below something: not from the root, and not back. */
void rule_path_below(struct field_errors *e, const struct path *at, const char *path);
/* domain/path */
void rule_domain_path(struct field_errors *e, const struct path *at, const char *name);
void rule_template_unmatched(struct field_errors *e, const struct path *at, const json_t *template);
void rule_driver_name(struct field_errors *e, const struct path *at, const char *name);
void rule_quantity_at_least_0(struct field_errors *e, const struct path *at, const json_t *value);

/* The parts, one file each. */
void validate_metadata(const struct schema_kind *kind, const json_t *tree, const json_t *old,
		       struct field_errors *e);
/* Labels, annotations, owners and finalizers. */
void validate_meta_parts(const json_t *meta, const json_t *old_meta, const struct path *at,
			 struct field_errors *e);
void validate_annotations(const json_t *annotations, const struct path *at, struct field_errors *e);
void validate_labels_and_annotations(const struct path *at, const json_t *metadata,
				     struct field_errors *e);
/* Enums, bounds and what must not change, as the tables say. */
void validate_tables(const struct schema_type *type, const json_t *tree, const json_t *old,
		     const struct path *at, struct field_errors *e);
/* `name`: the pod's; NULL: a template's, or what was judged before. */
void validate_pod_spec(const json_t *spec, const char *name, const struct path *at,
		       struct field_errors *e);
/* `at` is where the annotations are said to stand. */
void validate_pod_annotations(const json_t *pod, const struct path *at, const struct path *spec_at,
			      struct field_errors *e);
/* What a pod's containers refer to, made once. */
struct pod_names {
	const json_t *spec, *volumes; /* those that are sound */
	struct rule_names volume_names, claim_names;
};
/* Mounts may be of `volumes`. */
void validate_containers(const json_t *spec, const json_t *volumes, const struct path *at,
			 struct field_errors *e);
void validate_pod_security(const json_t *spec, const struct path *at, struct field_errors *e);
/* `at` is the securityContext. */
void validate_container_security(const json_t *context, bool has_host_users, const struct path *at,
				 struct field_errors *e);
/* Those of a namespace's spec. */
void validate_namespace_finalizers(const json_t *list, const struct path *at,
				   struct field_errors *e);
void validate_device_taints(const json_t *list, const struct path *at, struct field_errors *e);
void validate_device_tolerations(const json_t *list, const struct path *at, struct field_errors *e);
void validate_device_version(const char *text, const struct path *at, struct field_errors *e);
/* domain/name, and not one of Kubernetes' own. */
bool validate_is_extended_resource(const char *name);
/* Conditions as metav1.Condition has them. */
void validate_condition(const json_t *condition, const struct path *at, struct field_errors *e);
/* A pool's name: parts, parted by slashes. */
void validate_pool_name(const char *name, const struct path *at, struct field_errors *e);
/* The request of a claim's spec.devices, or REQUEST/SUBREQUEST. */
bool device_claim_has_request(const json_t *devices, const char *name);
/* Changes of the status subresource. */
void validate_pod_status(const json_t *pod, const json_t *old, struct field_errors *e);
/* One rule of a Job's successPolicy. */
void validate_success_rule(const json_t *rule, int64_t completions, const struct path *at,
			   struct field_errors *e);
void validate_job_status(const json_t *job, const json_t *old, struct field_errors *e);
/* Of the kinds of validate_kind_status.c; false: it is none of them. */
bool validate_kind_status(const struct schema_kind *kind, const json_t *tree, const json_t *old,
			  struct field_errors *e);
/* Amounts of a ResourceQuota, by resource. */
void validate_quota_amounts(const json_t *amounts, const struct path *at, struct field_errors *e);
/* Where a Pod's or a PersistentVolume's volume of that name comes from; `at` is what has it.
 * Sources of Pods alone are no concern of this. */
void validate_source(const char *type, const json_t *source, const char *volume, bool is_persistent,
		     const struct path *at, struct field_errors *e);
/* Of the pod itself or of its containers; `known` (NULL-terminated, sorted) may be taken. */
void validate_field_ref(const json_t *ref, const char *const *known, const struct path *at,
			struct field_errors *e);
/* `in_volume`: the container must be named, and large pages cannot be. */
void validate_resource_ref(const json_t *ref, bool in_volume, const struct path *at,
			   struct field_errors *e);
/* Appends to `ret_sound` the volumes that break no rule: mounts of others are not found. */
void validate_volumes(const json_t *volumes, const char *pod_name, json_t *ret_sound,
		      const struct path *at, struct field_errors *e);
void validate_mounts(const json_t *container, const struct pod_names *pod, const struct path *at,
		     struct field_errors *e);
/* restartPolicy and restartPolicyRules of a container. */
void validate_restart(const json_t *container, const struct path *at, struct field_errors *e);
void validate_resize_policy(const json_t *container, const json_t *spec, const struct path *at,
			    struct field_errors *e);
/* Of containers that end before others begin; of new pods and templates. */
void validate_init_resizes(const json_t *spec, const struct path *at, struct field_errors *e);
/* resourceClaims of a pod, and what resources take of them. */
void validate_pod_claims(const json_t *spec, const struct path *at, struct field_errors *e);
void validate_container_claims(const json_t *resources, const struct pod_names *pod,
			       const struct path *at, struct field_errors *e);
/* What a pod has as a whole, `at` its resources. */
void validate_pod_resources(const json_t *spec, const struct path *at, struct field_errors *e);
/* The system of the containers, and what they have of it. */
void validate_os(const json_t *spec, const struct path *at, struct field_errors *e);
void validate_windows_options(const json_t *context, const struct path *at, struct field_errors *e);
void validate_resources(const json_t *resources, const struct path *at, struct field_errors *e);
void validate_tolerations(const json_t *tolerations, const struct path *at, struct field_errors *e);
/* Labels of the pod itself that others shall share, or shall not; `at` has the list of that
 * name. */
void validate_label_keys(const json_t *term, const char *name, const struct path *at,
			 struct field_errors *e);
void validate_affinity(const json_t *affinity, const struct path *at, struct field_errors *e);
void validate_node_selector(const json_t *selector, const struct path *at, struct field_errors *e);
void validate_taints(const json_t *taints, const struct path *at, struct field_errors *e);
/* Gates, and what a pod behind one may change: that is put back in `rest`. */
void validate_gated_update(json_t *rest, const json_t *spec, const json_t *old,
			   const struct path *at, struct field_errors *e);
void validate_pod_create(const json_t *pod, struct field_errors *e);
void validate_pod_update(const json_t *pod, const json_t *old, struct field_errors *e);
void validate_service(const json_t *service, const json_t *old, struct field_errors *e);
/* Labels, annotations and spec of a template; `selector` may be NULL: it need not match. */
void validate_template(const json_t *template, const json_t *selector, const struct path *at,
		       struct field_errors *e);
/* What runs for ever is started again, and has no deadline. */
void validate_lasting(const json_t *template, const char *kind, const struct path *at,
		      struct field_errors *e);
void validate_not_empty(const json_t *selector, const char *kind, const struct path *at,
			struct field_errors *e);
void validate_config(const char *kind, const json_t *tree, const json_t *old,
		     struct field_errors *e);

/* The rules of one kind; validate_kinds.c says which kind has which. */
typedef void kind_check(const json_t *tree, const json_t *old, struct field_errors *e);
kind_check validate_stateful_set, validate_daemon_set, validate_replication_controller,
	validate_controller_revision, validate_pod_template;
kind_check validate_role, validate_cluster_role, validate_role_binding,
	validate_cluster_role_binding;
kind_check validate_autoscaler, validate_disruption_budget, validate_priority_class;
kind_check validate_volume, validate_claim, validate_limit_range, validate_quota;
kind_check validate_storage_class, validate_csi_driver, validate_csi_node, validate_capacity,
	validate_attachment, validate_attributes_class;
kind_check validate_deployment, validate_replica_set, validate_job, validate_cron_job;
kind_check validate_mutating_webhooks, validate_validating_webhooks, validate_validating_policy,
	validate_mutating_policy, validate_validating_binding, validate_mutating_binding;
kind_check validate_definition, validate_api_service;
kind_check validate_node_status, validate_device_claim_status, validate_attachment_status;
kind_check validate_pod_resize, validate_pod_debug;
kind_check validate_signing_status, validate_signing_approval;
kind_check validate_flow_schema, validate_priority_level, validate_signing_request,
	validate_runtime_class, validate_lease, validate_endpoint_slice, validate_endpoints,
	validate_core_event, validate_event;
kind_check validate_device_claim, validate_device_claim_template, validate_device_class,
	validate_device_slice;
kind_check validate_network_policy, validate_ip_address, validate_service_cidr, validate_ingress,
	validate_ingress_class;
/* The spec of a PersistentVolume; `is_inline`: of one without an object. */
void validate_volume_spec(const json_t *spec, const char *name, bool is_inline,
			  const struct path *at, struct field_errors *e);
void validate_container_resource_name(const char *name, const struct path *at,
				      struct field_errors *e);
/* Of which there are whole numbers only: pods, services … */
bool validate_is_counted_resource(const char *name);
/* openAPIV3Schema of a version. */
void validate_schema(const json_t *schema, const struct path *at, struct field_errors *e);
/* Of a schema that is structural: its own defaults. */
void validate_schema_defaults(const json_t *schema, const struct path *at, struct field_errors *e);
/* Of one with a status subresource: what may stand at its root. */
void validate_schema_root(const json_t *schema, const struct path *at, struct field_errors *e);
void validate_selectable_fields(const json_t *fields, const json_t *schema, const struct path *at,
				struct field_errors *e);
void validate_claim_spec(const json_t *spec, const struct path *at, struct field_errors *e);
/* What applies where the kind has rules of its own; false: it has none. */
bool validate_kind(const struct schema_kind *kind, const json_t *tree, const json_t *old,
		   struct field_errors *e);
/* What names of the kind look like. */
name_check *validate_name_rule(const struct schema_kind *kind);
