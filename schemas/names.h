/*
 * names.h - what names, labels, keys and ports may look like, with the words in which the API
 * says so. Each gives how many problems it found; texts are constant. Pure.
 * Source: apimachinery's util/validation.
 */
#pragma once

#include "common/base/base.h"

#define NAME_PROBLEMS_MAX 6

typedef size_t name_check(const char *value, const char *ret[NAME_PROBLEMS_MAX]);

name_check name_dns_label;     /* RFC 1123, 63 */
name_check name_dns_subdomain; /* RFC 1123, 253 */
name_check name_dns1035_label;
name_check name_label_key; /* also annotations, finalizers: [prefix/]name */
name_check name_label_value;
name_check name_port;
name_check name_config_key;
name_check name_env;
name_check name_percent;
name_check name_http_header;
name_check name_path_segment;

/* "name" is as bad as what it is made of: true without problems. */
bool name_is(name_check *check, const char *value);

/* With small letters; the caller frees it. */
char *name_lower(const char *text);

bool ip_is_v4(const char *text);
bool ip_is_v6(const char *text);
