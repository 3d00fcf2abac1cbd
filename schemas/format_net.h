/* format_net.h - formats of names and addresses; for format.c. */
#pragma once

#include <stdbool.h>

bool format_is_cidr(const char *text);
bool format_is_email(const char *text);
bool format_is_hostname(const char *text);
bool format_is_ipv4(const char *text);
bool format_is_ipv6(const char *text);
bool format_is_long_name(const char *text);
bool format_is_mac(const char *text);
bool format_is_short_name(const char *text);
bool format_is_uri(const char *text);
