/*
 * cron_text.h - whether a CronJob's schedule is one to Kubernetes, and its words where it is not.
 * When a schedule is due is common/plan's business, which reads some texts that Kubernetes does not
 * (Sunday as 7) and not all that it does (the 30th of February). Pure.
 */
#pragma once

#include "common/base/str.h"

/* Why `text` is none, added to `why`, which takes CRON_TEXT_WHY_MAX of the text's length. A prefix
 * that names a zone (TZ=, CRON_TZ=) is passed over. */
#define CRON_TEXT_WHY_MAX(n) (8 * (n) + 256)
bool cron_text_check(const char *text, struct str *why) MUST_CHECK;

/* Could `zone` be the name of one: Europe/Berlin. */
bool cron_text_is_zone(const char *zone);
