/*
 * CertificateSigningRequests at the server: who asks, who decides, who signs, and what stays as it
 * is. The requests were made with openssl; one has a bit of its signature turned.
 */
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

/* /O=devs/CN=ann, the same unsigned, /O=system:masters/CN=evil, and a certificate for the first. */
#define ANN                                                                                        \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIWE1IOENBUUF3SFRFTk1Bc0dBMVVFQ2d3RVpH" \
	"VjJjekVNTUFvR0ExVUVBd3dEWVc1dU1Ga3dFd1lIS29aSQp6ajBDQVFZSUtvWkl6ajBEQVFjRFFnQUVvNXluQ2dQ" \
	"d3lBQkczbFNZSDlYNGd0aFZmNjlFR1lHTnV1eVowMWpqCnN5SUhLWnhiK3E5RW9JZHJBbzBCSGYvUFZJcE5wdFFn" \
	"dEdMMnZvVHNGWVdhdmFBQU1Bb0dDQ3FHU000OUJBTUMKQTBnQU1FVUNJSE5saHVIZ3lkd3NCZGZoZ1ZmaHhqNC9Y" \
	"UWZzN3VSbWpVWmlRZXNnYVNXVUFpRUExbmZpcTRHNwpWeUNwRkVVRC9vVGplRXl6Y3g0OXhVcTducENvZEFuYUlE" \
	"RT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg=="
#define BROKEN                                                                                     \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIWE1IOENBUUF3SFRFTk1Bc0dBMVVFQ2d3RVpH" \
	"VjJjekVNTUFvR0ExVUVBd3dEWVc1dU1Ga3dFd1lIS29aSQp6ajBDQVFZSUtvWkl6ajBEQVFjRFFnQUVvNXluQ2dQ" \
	"d3lBQkczbFNZSDlYNGd0aFZmNjlFR1lHTnV1eVowMWpqCnN5SUhLWnhiK3E5RW9JZHJBbzBCSGYvUFZJcE5wdFFn" \
	"dEdMMnZvVHNGWVdhdmFBQU1Bb0dDQ3FHU000OUJBTUMKQTBnQU1FVUNJSE5saHVIZ3lkd3NCZGZoZ1ZmaHhqNC9Y" \
	"UWZzN3VSbWpVWmlRZXNnYVNXVUFpRUExbmZpcTRHNwpWeUNwRkVVRC9vVGplRXl6Y3g0OXhVcTducENvZEFuYUlE" \
	"QT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg=="
#define MASTERS                                                                                    \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIa01JR0tBZ0VBTUNneEZ6QVZCZ05WQkFvTURu" \
	"TjVjM1JsYlRwdFlYTjBaWEp6TVEwd0N3WURWUVFEREFSbApkbWxzTUZrd0V3WUhLb1pJemowQ0FRWUlLb1pJemow" \
	"REFRY0RRZ0FFbzV5bkNnUHd5QUJHM2xTWUg5WDRndGhWCmY2OUVHWUdOdXV5WjAxampzeUlIS1p4YitxOUVvSWRy" \
	"QW8wQkhmL1BWSXBOcHRRZ3RHTDJ2b1RzRllXYXZhQUEKTUFvR0NDcUdTTTQ5QkFNQ0Ewa0FNRVlDSVFDNVFwOTQy" \
	"YXArYmE1NXdwQ3N1WFdUb0I4VEl3WS91NlZvdzNxKwphZjZ2cUFJaEFKL242eEpmQ3lRN2JQOXNpeGRyNzJXcXF3" \
	"T2VKT1VXYWRBeWpBOVVKUElvCi0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo="
#define CERT                                                                                       \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJOVENCMndJVUdFY216aHJocDdZYWlFSWlKeFlKaWNGWE9U" \
	"RXdDZ1lJS29aSXpqMEVBd0l3SFRFTk1Bc0cKQTFVRUNnd0VaR1YyY3pFTU1Bb0dBMVVFQXd3RFlXNXVNQjRYRFRJ" \
	"Mk1URXlOVEl5TVRjeU9Gb1hEVE0yTVRFeQpNakl5TVRjeU9Gb3dIVEVOTUFzR0ExVUVDZ3dFWkdWMmN6RU1NQW9H" \
	"QTFVRUF3d0RZVzV1TUZrd0V3WUhLb1pJCnpqMENBUVlJS29aSXpqMERBUWNEUWdBRW81eW5DZ1B3eUFCRzNsU1lI" \
	"OVg0Z3RoVmY2OUVHWUdOdXV5WjAxamoKc3lJSEtaeGIrcTlFb0lkckFvMEJIZi9QVklwTnB0UWd0R0wydm9Uc0ZZ" \
	"V2F2VEFLQmdncWhrak9QUVFEQWdOSgpBREJHQWlFQTNQbFlxZGprR1g2QzUwZWtFNVBoQS9yZlBuUU8rQ0pLWkxx" \
	"QVZaeTlZUFFDSVFDK0pjdGEycTdDCnEzWjFSaEl2TStrSTZGSHNtc0FTd2dHQUZ5L0hiU2F6WVE9PQotLS0tLUVO" \
	"RCBDRVJUSUZJQ0FURS0tLS0tCg=="

#define CSRS   "/apis/certificates.k8s.io/v1/certificatesigningrequests"
#define CROLES "/apis/rbac.authorization.k8s.io/v1/clusterroles"
#define CBINDS "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
#define CLIENT "kubernetes.io/kube-apiserver-client"

#define CSR(name, request, signer, more)                                                           \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"request\":\"" request                   \
	"\",\"signerName\":\"" signer "\",\"usages\":[\"client auth\"]" more "}}"
#define DECIDE(type, status)                                                                       \
	"{\"status\":{\"conditions\":[{\"type\":\"" type "\",\"status\":\"" status                 \
	"\",\"reason\":\"R\",\"message\":\"m\"}]}}"
#define ROLE(name, rules) "{\"metadata\":{\"name\":\"" name "\"},\"rules\":[" rules "]}"
#define RULE(verbs, resources, names)                                                              \
	"{\"apiGroups\":[\"certificates.k8s.io\"],\"verbs\":[" verbs "],\"resources\":[" resources \
	"],\"resourceNames\":[" names "]}"
#define BIND(name, user)                                                                           \
	"{\"metadata\":{\"name\":\"" name "\"},\"roleRef\":{\"apiGroup\":"                         \
	"\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"" name                  \
	"\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"" user "\"}]}"

static const struct api_row rows[] = {
	/* Who asks is written by the server. */
	{ "askers may ask", 0, "POST", CROLES,
	  ROLE("ask", RULE("\"create\",\"get\",\"patch\",\"update\"",
			   "\"certificatesigningrequests\"", "")),
	  201, "" },
	{ "as this", 0, "POST", CBINDS, BIND("ask", "ann"), 201, "" },
	{ "asked", "ann/devs", "POST", CSRS,
	  CSR("a", ANN, CLIENT,
	      ",\"username\":\"root\",\"uid\":\"1\",\"groups\":[\"system:masters\"],\"extra\":{\"x\":"
	      "[\"y\"]}"),
	  201,
	  "\"username\":\"ann\" & \"groups\":[\"devs\",\"system:authenticated\"] & !root & "
	  "!system:masters & !\"uid\":\"1\" & !\"x\"" },
	{ "spec and status stay", 0, "PATCH", CSRS "/a",
	  "{\"metadata\":{\"labels\":{\"l\":\"v\"}},\"spec\":{\"username\":\"b\",\"signerName\":\"x.y/z\"},"
	  "\"status\":{\"conditions\":[{\"type\":\"Approved\",\"status\":\"True\"}]}}",
	  200, "\"l\":\"v\" & \"username\":\"ann\" & " CLIENT " & !Approved" },
	{ "no signature", 0, "POST", CSRS, CSR("b", BROKEN, CLIENT, ""), 422,
	  "CertificateSigningRequest.certificates.k8s.io \\\"b\\\" is invalid: spec.request: Invalid "
	  "value: & x509: ECDSA verification failure" },
	{ "no masters", 0, "POST", CSRS, CSR("b", MASTERS, CLIENT, ""), 403,
	  "certificatesigningrequests.certificates.k8s.io \\\"b\\\" is forbidden: use of "
	  "kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed" },
	{ "of other signers, perhaps", 0, "POST", CSRS, CSR("m", MASTERS, "example.com/s", ""), 201,
	  "example.com/s" },

	/* Deciding needs two rights. */
	{ "not theirs to decide", "ann/devs", "PATCH", CSRS "/a/approval",
	  DECIDE("Approved", "True"), 403, "certificatesigningrequests/approval" },
	{ "half of it", 0, "POST", CROLES,
	  ROLE("approve",
	       RULE("\"get\",\"update\",\"patch\"", "\"certificatesigningrequests/approval\"", "")),
	  201, "" },
	{ "to her", 0, "POST", CBINDS, BIND("approve", "eve"), 201, "" },
	{ "read", "eve", "GET", CSRS "/a/approval", 0, 200, "\"name\":\"a\"" },
	{ "no signer", "eve", "PATCH", CSRS "/a/approval", DECIDE("Approved", "True"), 403,
	  "certificatesigningrequests.certificates.k8s.io \\\"a\\\" is forbidden: user not permitted "
	  "to approve requests with signerName \\\"" CLIENT "\\\"" },
	{ "the other half", 0, "POST", CROLES,
	  ROLE("signer", RULE("\"approve\"", "\"signers\"", "\"kubernetes.io/*\"")), 201, "" },
	{ "to her", 0, "POST", CBINDS, BIND("signer", "eve"), 201, "" },
	{ "not of another domain", "eve", "PATCH", CSRS "/m/approval", DECIDE("Denied", "True"),
	  403, "user not permitted to approve requests with signerName \\\"example.com/s\\\"" },
	{ "only true", "eve", "PATCH", CSRS "/a/approval", DECIDE("Approved", "False"), 422,
	  "status.conditions[0].status: Unsupported value: \\\"False\\\": supported values: \\\"True\\\"" },
	{ "nothing signed here", "eve", "PATCH", CSRS "/a/approval",
	  "{\"status\":{\"certificate\":\"" CERT "\"},\"spec\":{\"username\":\"x\"}}", 200,
	  "!\"certificate\": & \"username\":\"ann\"" },
	{ "not signed before", "ann/devs", "GET", CSRS "/a", 0, 200, "!conditions" },
	{ "approved", "eve", "PATCH", CSRS "/a/approval", DECIDE("Approved", "True"), 200,
	  "\"type\":\"Approved\" & \"lastUpdateTime\":\" & \"lastTransitionTime\":\" & "
	  "\"subresource\":\"approval\"" },
	{ "not taken back", "eve", "PATCH", CSRS "/a/approval", "{\"status\":{\"conditions\":[]}}",
	  422,
	  "status.conditions: Forbidden: updates may not remove a condition of type \\\"Approved\\\"" },
	{ "nor denied as well", "eve", "PATCH", CSRS "/a/approval",
	  "[{\"op\":\"add\",\"path\":\"/status/conditions/-\",\"value\":{\"type\":\"Denied\",\"status\":"
	  "\"True\"}}]",
	  422,
	  "status.conditions: Invalid value: \\\"Denied\\\": Approved and Denied conditions are mutually "
	  "exclusive" },
	{ "no other verb", 0, "POST", CSRS "/a/approval", "{}", 405, "" },

	/* So does signing. */
	{ "half of it", 0, "POST", CROLES,
	  ROLE("status",
	       RULE("\"get\",\"update\",\"patch\"", "\"certificatesigningrequests/status\"", "")),
	  201, "" },
	{ "to him", 0, "POST", CBINDS, BIND("status", "sam"), 201, "" },
	{ "no signer", "sam", "PATCH", CSRS "/a/status",
	  "{\"status\":{\"certificate\":\"" CERT "\"}}", 403,
	  "user not permitted to sign requests with signerName \\\"" CLIENT "\\\"" },
	{ "nor a failure", "sam", "PATCH", CSRS "/a/status",
	  "[{\"op\":\"add\",\"path\":\"/status/conditions/-\",\"value\":{\"type\":\"Failed\",\"status\":"
	  "\"True\"}}]",
	  403, "user not permitted to sign" },
	{ "labels are no signature", "sam", "PATCH", CSRS "/a/status",
	  "{\"metadata\":{\"labels\":{\"q\":\"r\"}}}", 200, "\"q\":\"r\"" },
	{ "the other half", 0, "POST", CROLES,
	  ROLE("sign", RULE("\"sign\"", "\"signers\"", "\"" CLIENT "\"")), 201, "" },
	{ "to him", 0, "POST", CBINDS, BIND("sign", "sam"), 201, "" },
	{ "what is none", "sam", "PATCH", CSRS "/a/status",
	  "{\"status\":{\"certificate\":\"YWJj\"}}", 422,
	  "status.certificate: Invalid value: \\\"<certificate data>\\\": must contain at least one "
	  "CERTIFICATE PEM block" },
	{ "a request is none", "sam", "PATCH", CSRS "/a/status",
	  "{\"status\":{\"certificate\":\"" ANN "\"}}", 422,
	  "only CERTIFICATE PEM blocks are allowed, found \\\"CERTIFICATE REQUEST\\\"" },
	{ "the decision is not theirs", "sam", "PATCH", CSRS "/a/status", DECIDE("Denied", "True"),
	  422,
	  "updates may not remove a condition of type \\\"Approved\\\" & updates may not add a "
	  "condition of type \\\"Denied\\\"" },
	{ "signed", "sam", "PATCH", CSRS "/a/status",
	  "{\"status\":{\"certificate\":\"" CERT
	  "\",\"conditions\":[{\"type\":\"Approved\",\"status\":"
	  "\"True\",\"message\":\"other\"}]}}",
	  200, "\"certificate\":\"LS0 & \"message\":\"m\" & !other" },
	{ "once", "sam", "PATCH", CSRS "/a/status",
	  "{\"status\":{\"certificate\":\"" CERT "LS0K\"}}", 422, "illegal base64 data" },
	{ "for good", "sam", "PATCH", CSRS "/a/status", "{\"status\":{\"certificate\":null}}", 422,
	  "status.certificate: Forbidden: updates may not modify existing certificate content" },
	{ "by signer", 0, "GET", CSRS "?fieldSelector=spec.signerName%3Dexample.com/s", 0, 200,
	  "\"name\":\"m\" & !\"name\":\"a\"" },
};

int main(void)
{
	struct api_world w;
	api_world_init(&w, 1);
	api_rows_run(&w, rows, ARRAY_LEN(rows));
	api_world_fini(&w);
	return 0;
}
