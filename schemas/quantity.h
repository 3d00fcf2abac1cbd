/*
 * quantity.h - Kubernetes quantities ("500m", "1Gi", "2e3"). Pure.
 * Source: the Quantity format of apimachinery.
 */
#pragma once

#include "common/base/base.h"

#define QUANTITY_TEXT_SIZE 48

/* Canonical text of `text`: 1000m → 1, 1024Mi → 1Gi, 0.5 → 500m. False: no quantity. */
bool quantity_canonical(const char *text, char out[QUANTITY_TEXT_SIZE]);

/* Value × 1000, rounded away from zero; saturates at INT64_MAX / INT64_MIN. 0 where text is no
 * quantity. */
int64_t quantity_milli(const char *text);
/* Value, rounded away from zero. */
int64_t quantity_value(const char *text);

/* Text in decimal (1500 → "1500", 1500m) or binary (1 GiB → "1Gi") form. */
void quantity_from_milli(int64_t milli, char out[QUANTITY_TEXT_SIZE]);
void quantity_from_bytes(int64_t bytes, char out[QUANTITY_TEXT_SIZE]);
