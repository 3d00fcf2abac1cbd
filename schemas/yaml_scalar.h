/*
 * yaml_scalar.h - what a plain scalar means: YAML 1.1 as go-yaml v2 reads it (yes/no/on/off,
 * 0644, 0x, 0b, underscores, ~); dates stay text. Pure.
 */
#pragma once

#include "common/base/base.h"

enum yaml_meaning { YAML_TEXT, YAML_NULL, YAML_BOOL, YAML_INT, YAML_REAL, YAML_NO_NUMBER };

struct yaml_scalar {
	enum yaml_meaning meaning; /* NO_NUMBER: .inf or .nan, which JSON cannot hold */
	bool truth;
	int64_t whole;
	double real;
};

struct yaml_scalar yaml_resolve(const char *text, size_t len);
