/*
 * zone_file.h - a time zone's bytes, for cron_plan to read: the system's own, below /usr/share/zoneinfo
 * (package tzdata) or $TZDIR. Blocking, but small: one file of at most 64 KiB.
 */
#pragma once

#include "common/base/error.h"
#include "common/base/str.h"

#define ZONE_FILE_MAX 65536

const char *zone_folder(void);

/* `name` was checked (cron_zone_check_name): it leads to no other folder. ERR_NOT_FOUND: there is no
 * such zone, or no tzdata; ERR_LIMIT. */
int zone_file_read(const char *name, struct str *ret, struct error *err) MUST_CHECK;
