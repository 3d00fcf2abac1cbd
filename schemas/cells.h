/*
 * cells.h - what the table files share: cells of a row, as kubectl's server-side printers write
 * them. `now_us` is the wall clock. Pure.
 */
#pragma once

#include "common/base/jsonx.h"
#include "schemas/schema.h"

void cell_text(json_t *row, const char *text);
void cell_text_or(json_t *row, const char *text, const char *otherwise); /* where NULL or empty */
void cell_int(json_t *row, int64_t value);
void cell_bool(json_t *row, bool value);
void cell_take(json_t *row, struct str *text); /* str_take's the text */
/* Since an RFC 3339 time; "<unknown>" where absent. */
void cell_since(json_t *row, const char *time, int64_t now_us);
void cell_age(json_t *row, const json_t *tree, int64_t now_us);
void cell_age_only(const json_t *tree, int64_t now_us, json_t *row);
void cell_span(json_t *row, int64_t seconds);           /* "24h" */
void cell_add_lower(struct str *out, const char *text); /* ASCII letters made small */
/* Names, then images of a template's containers. */
void cell_containers(json_t *row, const json_t *containers);
void cell_selector(json_t *row, const json_t *label_selector, const char *otherwise);
/* "a=b,c=d", sorted, or "<none>". */
void cell_labels(json_t *row, const json_t *labels);

void since_text(const char *time, int64_t now_us, struct str *out);

/* One kind each: the cells after the name. */
typedef void table_row(const json_t *tree, int64_t now_us, json_t *row);

/* table_cluster.c */
table_row table_role_binding;
table_row table_created;
table_row table_certificate_request;
table_row table_quota;
table_row table_priority_class;
table_row table_runtime_class;
table_row table_component;
table_row table_webhooks;
table_row table_validating_policy;
table_row table_mutating_policy;
table_row table_policy_binding;
table_row table_flow_schema;
table_row table_priority_level;
table_row table_api_service;
/* table_ingress.c */
table_row table_ingress;
table_row table_ingress_class;
table_row table_network_policy;
table_row table_service_cidr;
table_row table_ip_address;
/* table_net.c */
table_row table_endpoints;
table_row table_slice;
table_row table_service;
table_row table_node;
/* table_pod.c */
table_row table_pod;
/* table_storage.c */
table_row table_volume;
table_row table_claim;
table_row table_storage_class;
table_row table_attributes_class;
table_row table_attachment;
table_row table_csi_node;
table_row table_csi_driver;
table_row table_csi_capacity;
table_row table_resource_claim;
table_row table_resource_slice;
/* table_workload.c */
table_row table_deployment;
table_row table_replicaset;
table_row table_replication_controller;
table_row table_statefulset;
table_row table_daemonset;
table_row table_cronjob;
table_row table_pod_template;
table_row table_revision;
table_row table_budget;
table_row table_autoscaler;
