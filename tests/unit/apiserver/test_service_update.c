/* What a write may leave out of a Service, what goes with its type, and what is refused before
 * anything is given out. The answers are Kubernetes'. */
#include "tests/support/api_rows.h"
#include "tests/support/check.h"

#define NS       "/api/v1/namespaces/default/services"
#define PORT_P   "{\"name\":\"p\",\"port\":80,\"nodePort\":31080}"
#define PORT_Q   "{\"name\":\"q\",\"port\":81,\"protocol\":\"UDP\",\"nodePort\":31081}"
#define FIXED    "\"clusterIP\":\"10.96.7.7\",\"clusterIPs\":[\"10.96.7.7\"],"
#define BOTH     "\"ports\":[" PORT_P "," PORT_Q "],"
#define META     "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"selector\":{\"a\":\"b\"},"
#define OUTSIDE  "\"externalTrafficPolicy\":\"Cluster\",\"type\":\"NodePort\"}}"
#define BALANCER "\"allocateLoadBalancerNodePorts\":true,\"loadBalancerClass\":\"a/b\","
#define LOCAL    "\"externalTrafficPolicy\":\"Local\",\"healthCheckNodePort\":31099,"

static const struct api_row rows[] = {
	{ "a service", 0, "POST", NS, META FIXED BOTH OUTSIDE, 201, "\"10.96.7.7\"" },
	/* what a client does not know stays */
	{ "address left out", 0, "PUT", NS "/t",
	  META "\"clusterIPs\":[\"10.96.7.7\"]," BOTH OUTSIDE, 200, "\"clusterIP\":\"10.96.7.7\"" },
	{ "addresses left out", 0, "PUT", NS "/t", META "\"clusterIP\":\"10.96.7.7\"," BOTH OUTSIDE,
	  200, "\"clusterIPs\":[\"10.96.7.7\"]" },
	{ "both left out", 0, "PUT", NS "/t", META BOTH OUTSIDE, 200,
	  "\"clusterIP\":\"10.96.7.7\" & \"clusterIPs\":[\"10.96.7.7\"]" },
	{ "a node port stays with its name", 0, "PUT", NS "/t?dryRun=All",
	  META FIXED "\"ports\":[{\"name\":\"p\",\"port\":90}," PORT_Q "]," OUTSIDE, 200,
	  "\"name\":\"p\",\"protocol\":\"TCP\",\"port\":90,\"targetPort\":90,\"nodePort\":31080" },
	{ "not with its number", 0, "PUT", NS "/t?dryRun=All",
	  META FIXED "\"ports\":[{\"name\":\"q\",\"port\":80},{\"name\":\"p\",\"port\":81,"
		     "\"protocol\":\"UDP\"}]," OUTSIDE,
	  200,
	  "\"name\":\"q\",\"protocol\":\"TCP\",\"port\":80,\"targetPort\":80,\"nodePort\":31081 & "
	  "\"port\":81,\"targetPort\":81,\"nodePort\":31080" },
	{ "unless another has taken it", 0, "PUT", NS "/t?dryRun=All",
	  META FIXED "\"ports\":[{\"name\":\"q\",\"port\":80,\"nodePort\":31080},"
		     "{\"name\":\"p\",\"port\":81,\"protocol\":\"UDP\"}]," OUTSIDE,
	  200, "\"port\":80,\"targetPort\":80,\"nodePort\":31080 & !\"nodePort\":31081" },
	/* what is no address, and another */
	{ "another address", 0, "PUT", NS "/t",
	  META "\"clusterIP\":\"10.96.7.8\",\"clusterIPs\":[\"10.96.7.7\"]," BOTH OUTSIDE, 422,
	  "\\\"t\\\" is invalid: spec.clusterIPs[0]: Invalid value: [\\\"10.96.7.8\\\"]: may not "
	  "change once set\"" },
	{ "other addresses", 0, "PUT", NS "/t",
	  META "\"clusterIP\":\"10.96.7.7\",\"clusterIPs\":[\"10.96.7.8\"]," BOTH OUTSIDE, 422,
	  "is invalid: spec.clusterIPs: Invalid value: [\\\"10.96.7.8\\\"]: first value must match "
	  "`clusterIP`\"" },
	{ "no address", 0, "PUT", NS "/t",
	  META "\"clusterIP\":\"zz\",\"clusterIPs\":[\"10.96.7.7\"]," BOTH OUTSIDE, 422,
	  "is invalid: spec.clusterIPs[0]: Invalid value: \\\"zz\\\": must be a valid IP address, "
	  "(e.g. 10.9.8.7 or 2001:db8::ffff)\"" },
	{ "none is another", 0, "PUT", NS "/t",
	  META "\"clusterIP\":\"None\",\"clusterIPs\":[\"10.96.7.7\"]," BOTH OUTSIDE, 422,
	  "[spec.clusterIPs[0]: Invalid value: [\\\"None\\\"]: may not change once set, "
	  "spec.clusterIPs[0]: Invalid value: \\\"None\\\": may not be set to 'None' for NodePort "
	  "services]" },
	{ "a node port outside the range", 0, "PUT", NS "/t",
	  META FIXED "\"ports\":[{\"name\":\"p\",\"port\":80,\"nodePort\":7}]," OUTSIDE, 422,
	  "spec.ports[0].nodePort: Invalid value: 7: provided port is not in the valid range" },
	/* what another type does not have goes, if it is as it was */
	{ "no longer outside", 0, "PUT", NS "/t?dryRun=All",
	  META FIXED BOTH "\"externalTrafficPolicy\":\"Cluster\",\"type\":\"ClusterIP\"}}", 200,
	  "!\"nodePort\": & !\"externalTrafficPolicy\":" },
	{ "but for a new node port", 0, "PUT", NS "/t?dryRun=All",
	  META FIXED "\"ports\":[{\"name\":\"p\",\"port\":80,\"nodePort\":31086}," PORT_Q "],"
		     "\"externalTrafficPolicy\":\"Cluster\",\"type\":\"ClusterIP\"}}",
	  422,
	  "[spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP', "
	  "spec.ports[1].nodePort: Forbidden: may not be used when `type` is 'ClusterIP']" },
	{ "nor in the cluster", 0, "PUT", NS "/t?dryRun=All",
	  META FIXED BOTH "\"externalTrafficPolicy\":\"Cluster\",\"ipFamilies\":[\"IPv4\"],"
			  "\"ipFamilyPolicy\":\"SingleStack\",\"type\":\"ExternalName\","
			  "\"externalName\":\"a.b\"}}",
	  200,
	  "!\"nodePort\": & !\"clusterIP\": & !10.96 & !\"ipFamilies\": & !\"ipFamilyPolicy\": & "
	  "!\"externalTrafficPolicy\": & !\"internalTrafficPolicy\":" },
	{ "with what was left of the addresses", 0, "PUT", NS "/t?dryRun=All",
	  META BOTH "\"clusterIP\":\"\",\"clusterIPs\":[\"10.96.7.7\"],\"type\":\"ExternalName\","
		    "\"externalName\":\"a.b\"}}",
	  200, "!10.96" },
	{ "another address with a name", 0, "PUT", NS "/t?dryRun=All",
	  META BOTH "\"clusterIP\":\"10.96.7.8\",\"clusterIPs\":[\"10.96.7.8\"],\"type\":"
		    "\"ExternalName\",\"externalName\":\"a.b\"}}",
	  422, "spec.clusterIPs: Forbidden: may not be set for ExternalName services" },
	/* a balancer's */
	{ "a balancer", 0, "PUT", NS "/t",
	  META FIXED BOTH BALANCER LOCAL "\"type\":\"LoadBalancer\"}}", 200, "31099" },
	{ "its status", 0, "PATCH", NS "/t/status",
	  "{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"1.2.3.4\"}]}}}", 200, "1.2.3.4" },
	{ "it keeps node ports that it has", 0, "PUT", NS "/t?dryRun=All",
	  META FIXED BOTH
	  "\"allocateLoadBalancerNodePorts\":false,\"loadBalancerClass\":\"a/b\"," LOCAL
	  "\"type\":\"LoadBalancer\"}}",
	  200, "31080 & 31081" },
	{ "does not give out those that it was not to", 0, "PUT", NS "/t?dryRun=All",
	  META FIXED "\"ports\":[{\"name\":\"p\",\"port\":80}],\"loadBalancerClass\":\"a/b\","
		     "\"allocateLoadBalancerNodePorts\":false," LOCAL "\"type\":\"LoadBalancer\"}}",
	  200, "!\"nodePort\":" },
	{ "is one no longer", 0, "PUT", NS "/t",
	  META FIXED BOTH BALANCER LOCAL "\"type\":\"ClusterIP\"}}", 200,
	  "!\"nodePort\": & !31099 & !\"loadBalancerClass\": & \"status\":{\"loadBalancer\":{}}" },
	/* new ones */
	{ "an address of no cluster", 0, "POST", NS,
	  "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"type\":\"ExternalName\",\"externalName\":\"a\","
	  "\"clusterIP\":\"10.96.7.9\"}}",
	  422, "spec.clusterIPs: Forbidden: may not be set for ExternalName services" },
	{ "families of none", 0, "POST", NS,
	  "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"type\":\"ExternalName\",\"externalName\":\"a\","
	  "\"ipFamilies\":[\"IPv4\"],\"ipFamilyPolicy\":\"SingleStack\"}}",
	  422,
	  "[spec.ipFamilies: Forbidden: may not be set for ExternalName services, "
	  "spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services]" },
	{ "an address that is none", 0, "POST", NS,
	  "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"clusterIP\":\"zz\",\"ports\":[{\"port\":80}]}}",
	  422, "spec.clusterIPs[0]: Invalid value: \\\"zz\\\": must be a valid IP address" },
	{ "an address outside", 0, "POST", NS,
	  "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"clusterIP\":\"10.97.0.1\",\"ports\":[{\"port\":80}]"
	  "}}",
	  422,
	  "spec.clusterIPs: Invalid value: [\\\"10.97.0.1\\\"]: failed to allocate IP 10.97.0.1: the "
	  "provided network does not match the current range" },
	{ "a balancer's own node port", 0, "POST", NS,
	  "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"type\":\"LoadBalancer\","
	  "\"allocateLoadBalancerNodePorts\":false,\"ports\":[{\"port\":80,\"nodePort\":7}]}}",
	  422,
	  "spec.ports[0].nodePort: Invalid value: 7: provided port is not in the valid range" },
	{ "is taken", 0, "POST", NS,
	  "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"type\":\"LoadBalancer\","
	  "\"allocateLoadBalancerNodePorts\":false,\"ports\":[{\"port\":80,\"nodePort\":31500}]}}",
	  201, "31500" },
	{ "so that no other has it", 0, "POST", NS,
	  "{\"metadata\":{\"name\":\"y\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":80,"
	  "\"nodePort\":31500}]}}",
	  422, "spec.ports[0].nodePort: Invalid value: 31500: provided port is already allocated" },
};

int main(void)
{
	struct api_world w;
	api_world_init(&w, 7);
	api_rows_run(&w, rows, ARRAY_LEN(rows));
	api_world_fini(&w);
	return 0;
}
