// link: apiserver
/* What a client writes into its first lines: path and query of the URL, Accept, Content-Type. The
 * input is method, path, query and header, parted by newlines. */
#include "apiserver/accept.h"
#include "apiserver/target.h"
#include "common/io/http_target.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	char *rest = text;
	const char *parts[4] = { "", "", "", "" };
	for (size_t i = 0; i < 4 && rest; i++)
		parts[i] = strsep(&rest, "\n");
	struct error err;
	struct query query = { 0 };
	struct target target = { 0 };
	struct accept accept;
	enum schema_encoding encoding;
	int64_t number;
	auto_free char *whole = xstrdup(parts[1]);
	const char *path, *asked;
	(void)http_target_split(whole, &path, &asked);
	if (query_parse(parts[2], &query, &err) == 0 &&
	    target_parse(kinds_constant(), parts[0], parts[1], &query, &target, &err) == 0) {
		for (size_t i = 0; i < query.count; i++)
			if (query_int(&query, query.at[i].name, 0, &number, &err) == 0)
				(void)query_bool(&query, query.at[i].name);
		target_fini(&target);
	}
	if (query.count)
		(void)(query_timeout(&query, &number, &err) == 0);
	query_fini(&query);
	struct accept_offer offer = { true, true, true, true, true, true };
	(void)accept_choose(parts[3], &offer, &accept);
	(void)content_type_encoding(parts[3], &encoding);
	return 0;
}
