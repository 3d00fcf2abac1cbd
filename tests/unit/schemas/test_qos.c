/* The class of service of a pod: a table of specs. */
#include "common/base/jsonx.h"
#include "schemas/qos.h"
#include "tests/support/check.h"

#define R(requests, limits) "{\"resources\":{\"requests\":{" requests "},\"limits\":{" limits "}}}"
#define BOTH                "\"cpu\":\"1\",\"memory\":\"1Gi\""

static const struct {
	const char *name, *spec, *want;
} rows[] = {
	{ "nothing", "{\"containers\":[{}]}", "BestEffort" },
	{ "nothing is 0", "{\"containers\":[" R("\"cpu\":\"0\"", "\"memory\":\"0\"") "]}",
	  "BestEffort" },
	{ "other resources", "{\"containers\":[" R("\"x.y/z\":\"1\"", "\"x.y/z\":\"1\"") "]}",
	  "BestEffort" },
	{ "limits only", "{\"containers\":[" R("", BOTH) "]}", "Guaranteed" },
	{ "as much asked",
	  "{\"containers\":[" R("\"cpu\":\"1000m\",\"memory\":\"1024Mi\"", BOTH) "]}",
	  "Guaranteed" },
	{ "less asked", "{\"containers\":[" R("\"cpu\":\"1\",\"memory\":\"1Mi\"", BOTH) "]}",
	  "Burstable" },
	{ "one limit", "{\"containers\":[" R("", "\"cpu\":\"1\"") "]}", "Burstable" },
	{ "one of two", "{\"containers\":[" R("", BOTH) ",{}]}", "Burstable" },
	{ "the first steps count", "{\"containers\":[" R("", BOTH) "],\"initContainers\":[{}]}",
	  "Burstable" },
	{ "helpers do not", "{\"containers\":[" R("", BOTH) "],\"ephemeralContainers\":[{}]}",
	  "Guaranteed" },
	{ "of the whole", "{\"resources\":{\"limits\":{" BOTH "}},\"containers\":[{}]}",
	  "Guaranteed" },
	{ "some of the whole",
	  "{\"resources\":{\"requests\":{\"cpu\":\"1\"}},\"containers\":[" R("", BOTH) "]}",
	  "Burstable" },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_error_t why;
		AUTO_JSON *spec = json_loads(rows[i].spec, 0, &why);
		if (!spec)
			fprintf(stderr, "%s: %s\n", rows[i].spec, why.text);
		CHECK(spec);
		CHECK_TEXT(rows[i].name, pod_qos_class(spec), rows[i].want);
	}
	return 0;
}
