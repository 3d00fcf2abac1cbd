/*
 * cidr.h - addresses and ranges of addresses as texts, and what rules say of them. Pure.
 * Source: RFC 4632, RFC 5952; apimachinery's util/validation for the words.
 */
#pragma once

#include "schemas/path.h"
#include "schemas/schema.h"

struct cidr {
	bool is_v6;
	uint8_t bytes[16]; /* v4: the first four */
	int prefix;        /* a single address: 32 or 128 */
	bool has_zeros;    /* leading zeros, which some read as octal */
};

/* False: neither an address nor, where `wants_prefix`, a range. */
bool cidr_parse(const char *text, bool wants_prefix, struct cidr *ret);
/* Whether `inner` lies in `outer`, and is smaller. */
bool cidr_contains(const struct cidr *outer, const struct cidr *inner);

/* Strict: no leading zeros, no bits beyond the prefix; `is_canonical`: and as it would be printed. */
void rule_cidr(struct field_errors *e, const struct path *at, const char *text, bool is_canonical);
/* `is_canonical`: and as it would be printed. */
void rule_address(struct field_errors *e, const struct path *at, const char *text,
		  bool is_canonical);
/* An address, but not where a packet could leave the cluster for the machine itself or for everybody. */
void rule_not_special(const char *text, const struct path *at, struct field_errors *e);
