/* log, exec, attach and portforward where no node is asked: the original's answers. */
#include "tests/support/api_world.h"
#include "tests/support/check.h"

#define NS   "/api/v1/namespaces/default"
#define PODS NS "/pods"
#define POD(name, more)                                                                            \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"containers\":[{\"name\":\"c\","         \
	"\"image\":\"i\"}" more "}}"
#define BAD(text)  "\"message\":\"" text "\",\"reason\":\"BadRequest\",\"code\":400"
#define PORT(text) BAD("cannot convert to []int32: strconv.ParseUint: parsing " text)
#define INVALID(text)                                                                              \
	"\"message\":\"PodLogOptions \\\"p\\\" is invalid: " text "\",\"reason\":\"Invalid\""
#define HOMELESS(name) BAD("pod " name " does not have a host assigned")
#define CHOOSE         BAD("a container name must be specified for pod two, choose one of: [i c d]")

static const struct {
	const char *method, *target, *body;
	int status;
	const char *has;
} rows[] = {
	{ "POST", NS "/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}", 201, "" },
	{ "POST", PODS, POD("p", "]"), 201, "" },
	{ "POST", PODS,
	  POD("two", ",{\"name\":\"d\",\"image\":\"i\"}],\"initContainers\":[{\"name\":\"i\","
		     "\"image\":\"i\"}]"),
	  201, "" },
	{ "GET", PODS "/p/exec?command=a&stdout=1", 0, 400, HOMELESS("p") },
	{ "POST", PODS "/p/attach?stdin=1&container=c", 0, 400, HOMELESS("p") },
	{ "POST", PODS "/p/portforward", 0, 400, HOMELESS("p") },
	{ "GET", PODS "/two/exec?command=a&container=i", 0, 400, HOMELESS("two") },
	{ "GET", PODS "/p/exec?command=a&container=x", 0, 400,
	  BAD("container x is not valid for pod p") },
	{ "POST", PODS "/two/exec?command=a", 0, 400, CHOOSE },
	{ "GET", PODS "/two/log", 0, 400, CHOOSE },
	{ "GET", PODS "/none/exec?command=a", 0, 404, "pods \\\"none\\\" not found" },
	{ "POST", PODS "/none/portforward?ports=x", 0, 400, PORT("\\\"x\\\": invalid syntax") },
	{ "POST", PODS "/p/portforward?ports=80,", 0, 400, PORT("\\\"\\\": invalid syntax") },
	{ "POST", PODS "/p/portforward?ports=-1", 0, 400, PORT("\\\"-1\\\": invalid syntax") },
	{ "POST", PODS "/p/portforward?ports=80,70000", 0, 400,
	  PORT("\\\"70000\\\": value out of range") },
	{ "POST", PODS "/p/portforward?ports=1,2&ports=3", 0, 400, HOMELESS("p") },
	/* Nothing was said yet. */
	{ "GET", PODS "/p/log", 0, 204, "" },
	{ "GET", PODS "/p/log?follow=true&container=c&sinceTime=2026-01-01T00:00:00Z", 0, 204, "" },
	{ "GET", PODS "/none/log?tailLines=x", 0, 400,
	  BAD("strconv.ParseInt: parsing \\\"x\\\": invalid syntax") },
	{ "GET", PODS "/p/log?limitBytes=99999999999999999999", 0, 400,
	  BAD("strconv.ParseInt: parsing \\\"99999999999999999999\\\": value out of range") },
	{ "GET", PODS "/p/log?sinceTime=x", 0, 400,
	  BAD("parsing time \\\"x\\\" as \\\"2006-01-02T15:04:05Z07:00\\\": cannot parse \\\"x\\\" as "
	      "\\\"2006\\\"") },
	{ "GET", PODS "/p/log?tailLines=-1", 0, 422,
	  INVALID("tailLines: Invalid value: -1: must be greater than or equal to 0") },
	{ "GET", PODS "/p/log?tailLines=-1&limitBytes=0&sinceSeconds=0&stream=x", 0, 422,
	  INVALID("[tailLines: Invalid value: -1: must be greater than or equal to 0, limitBytes: "
		  "Invalid value: 0: must be greater than 0, sinceSeconds: Invalid value: 0: must be "
		  "greater than 0, stream: Forbidden: may not be specified]") },
	{ "GET", PODS "/p/log?sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z", 0, 422,
	  INVALID("[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified") },
	{ "GET", PODS "/p/log?sinceSeconds=0", 0, 422,
	  "\"details\":{\"name\":\"p\",\"kind\":\"PodLogOptions\",\"causes\":[{\"reason\":"
	  "\"FieldValueInvalid\",\"message\":\"Invalid value: 0: must be greater than 0\",\"field\":"
	  "\"sinceSeconds\"}]}" },
};

int main(void)
{
	struct api_world w;
	api_world_init(&w, 3);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct api_answer a;
		api_world_call(&w, w.admin, rows[i].method, rows[i].target, NULL, NULL,
			       rows[i].body, 5000, &a);
		const char *body = a.body.data ? a.body.data : "";
		if (a.status != rows[i].status || !strstr(body, rows[i].has)) {
			fprintf(stderr, "row %zu, %s: got %d\n%s\nwanted %d\n%s\n", i,
				rows[i].target, a.status, body, rows[i].status, rows[i].has);
			return 1;
		}
		CHECK(a.status != 204 || !strstr(a.headers.data, "Content-Type:"));
		api_answer_fini(&a);
	}
	api_world_fini(&w);
	return 0;
}
