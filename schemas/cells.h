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
void cell_take(json_t *row, struct str *text); /* str_take's the text */
/* Since an RFC 3339 time; "<unknown>" where absent. */
void cell_since(json_t *row, const char *time, int64_t now_us);
void cell_age(json_t *row, const json_t *tree, int64_t now_us);
/* Names, then images of a template's containers. */
void cell_containers(json_t *row, const json_t *containers);
void cell_selector(json_t *row, const json_t *label_selector, const char *otherwise);
/* "a=b,c=d", sorted, or "<none>". */
void cell_labels(json_t *row, const json_t *labels);

void since_text(const char *time, int64_t now_us, struct str *out);

void table_pod(const json_t *pod, int64_t now_us, json_t *row);
void table_node(const json_t *node, int64_t now_us, json_t *row);
void table_service(const json_t *service, int64_t now_us, json_t *row);
void table_endpoints(const json_t *endpoints, int64_t now_us, json_t *row);
void table_slice(const json_t *slice, int64_t now_us, json_t *row);
