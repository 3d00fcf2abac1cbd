/*
 * authn_file.h - tokens of a file, for machines that have nothing else: lines of
 * TOKEN,USER,UID,"GROUP,GROUP" (RFC 4180), as kube-apiserver's --token-auth-file. Read once.
 */
#pragma once

#include "apiserver/request.h"

struct authn_file;

/* ERR_MALFORMED names the line. */
int authn_file_new(const char *text, struct authn_file **ret, struct error *err) MUST_CHECK;
void authn_file_free(struct authn_file *f);
DEFINE_CLEANUP(authn_file)

bool authn_file_token(const struct authn_file *f, const char *token, struct identity *ret);
