/* Options of lists and watches, and what they are refused with. The answers are Kubernetes'. */
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define MAPS  "/api/v1/namespaces/default/configmaps"
#define TABLE "@|Accept: application/json;as=Table;v=v1;g=meta.k8s.io"
#define MATCH "resourceVersionMatch: "

static const struct api_row rows[] = {
	{ "a map", 0, "POST", MAPS, "{\"metadata\":{\"name\":\"c\"}}", 201, "" },
	/* all that is wrong is told at once, and before a version is looked at */
	{ "a match of no version", 0, "GET", MAPS "?resourceVersionMatch=exact&continue=x", 0, 422,
	  "is invalid: [" MATCH
	  "Forbidden: resourceVersionMatch is forbidden unless resourceVersion "
	  "is provided, " MATCH "Forbidden: resourceVersionMatch is forbidden when continue is "
	  "provided, " MATCH "Unsupported value: \\\"exact\\\": supported values: \\\"Exact\\\", "
	  "\\\"NotOlderThan\\\", \\\"\\\"]" },
	{ "exactly any", 0, "GET",
	  MAPS "?resourceVersionMatch=Exact&resourceVersion=0&sendInitialEvents=true", 0, 422,
	  "is invalid: [" MATCH "Forbidden: resourceVersionMatch \\\"exact\\\" is forbidden for "
	  "resourceVersion \\\"0\\\", sendInitialEvents: Forbidden: sendInitialEvents is forbidden for "
	  "list]" },
	{ "before a version that is none", 0, "GET",
	  MAPS "?resourceVersionMatch=Foo&resourceVersion=abc", 0, 422, "Unsupported value" },
	{ "of a watch", 0, "GET", MAPS "?watch=1&resourceVersionMatch=Exact", 0, 422,
	  "is invalid: [" MATCH "Forbidden: resourceVersionMatch is forbidden for watch unless "
	  "sendInitialEvents is provided, " MATCH
	  "Unsupported value: \\\"Exact\\\": supported values: "
	  "\\\"NotOlderThan\\\"]" },
	{ "of one that wants all", 0, "GET",
	  MAPS "?watch=1&resourceVersionMatch=Exact&sendInitialEvents=true", 0, 422,
	  "is invalid: [" MATCH
	  "Forbidden: sendInitialEvents requires setting resourceVersionMatch to "
	  "NotOlderThan, " MATCH "Unsupported value" },
	{ "a watch's limit", 0, "GET", MAPS "?watch=1&limit=abc", 0, 400,
	  "strconv.ParseInt: parsing \\\"abc\\\": invalid syntax" },
	/* versions */
	{ "too large a number", 0, "GET", MAPS "?resourceVersion=18446744073709551616", 0, 400,
	  "parsing \\\"18446744073709551616\\\": value out of range" },
	{ "no number", 0, "GET", MAPS "?resourceVersion=1844674407370955161x", 0, 400,
	  "invalid syntax" },
	{ "one object of later", 0, "GET", MAPS "/c?resourceVersion=999999999999", 0, 504,
	  "Retry-After: 1 & \"reason\":\"Timeout\" & Too large resource version: 999999999999, current: "
	  "& \"ResourceVersionTooLarge\"" },
	{ "pages of a version that is gone", 0, "GET", MAPS "?resourceVersion=1&limit=2", 0, 410,
	  "The resourceVersion for the provided list is too old." },
	{ "no pages of it", 0, "GET", MAPS "?resourceVersion=1", 0, 200, "\"name\":\"c\"" },
	{ "one object is not watched", 0, "GET", MAPS "/c?watch=1", 0, 200,
	  "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\" & !ADDED" },
	{ "nor is one that is not there", 0, "GET", MAPS "/d?watch=1", 0, 404, "NotFound" },
	{ "no new events of old objects", 0, "GET",
	  MAPS
	  "?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&timeoutSeconds=1",
	  0, 200, "!ERROR & !ADDED" },
	/* a collection is not deleted by options that no list would take, and only what it would show */
	{ "a second map", 0, "POST", MAPS, "{\"metadata\":{\"name\":\"d\"}}", 201, "" },
	{ "a third", 0, "POST", MAPS, "{\"metadata\":{\"name\":\"e\"}}", 201, "" },
	{ "deleted by no limit", 0, "DELETE", MAPS "?limit=abc", 0, 400, "invalid syntax" },
	{ "by no page", 0, "DELETE", MAPS "?continue=abc", 0, 400, "invalid continue token" },
	{ "by no version", 0, "DELETE", MAPS "?resourceVersion=abc", 0, 400,
	  "invalid resource version" },
	{ "by another version", 0, "DELETE", MAPS "?resourceVersion=1", 0, 409,
	  "the ResourceVersion in the precondition (1) does not match" },
	{ "by a match of none", 0, "DELETE", MAPS "?resourceVersionMatch=Exact", 0, 422,
	  "is forbidden unless resourceVersion" },
	{ "by initial events", 0, "DELETE", MAPS "?sendInitialEvents=true", 0, 422,
	  "sendInitialEvents is forbidden for list" },
	{ "two alone", 0, "DELETE", MAPS "?limit=2", 0, 200,
	  "\"continue\":\" & \"name\":\"c\" & \"name\":\"d\" & !\"name\":\"e\"" },
	{ "the third is left", 0, "GET", MAPS, 0, 200, "!\"name\":\"d\" & \"name\":\"e\"" },
	{ "as many as there are", 0, "DELETE", MAPS "?limit=2", 0, 200,
	  "\"name\":\"e\" & !\"continue\"" },
	/* renderings */
	{ "what a row has", TABLE, "GET", MAPS "?includeObject=abc", 0, 400,
	  "Unable to convert to Table as requested: includeObject: Invalid value: \\\"abc\\\": must be "
	  "'Metadata', 'Object', 'None', or empty" },
	{ "of no table", 0, "GET", MAPS "?includeObject=abc", 0, 200, "ConfigMapList" },
	{ "a watch in no stream", "@|Accept: application/yaml", "GET", MAPS "?watch=1", 0, 406,
	  "only the following media types are accepted: application/json;stream=watch, "
	  "application/vnd.kubernetes.protobuf;stream=watch" },
};

int main(void)
{
	struct api_world w;
	api_world_init(&w, 7);
	api_rows_run(&w, rows, ARRAY_LEN(rows));
	api_world_fini(&w);
	return 0;
}
