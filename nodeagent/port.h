/*
 * port.h - the agent's own HTTPS port, with the kubelet's paths: /containerLogs, /exec, /attach,
 * /portForward, /healthz, /metrics, and /images. Only certificates with the CN
 * skiff-apiserver-client are served; /healthz answers everybody.
 *
 * Threads: the loop's; exec, attach and port-forward run on stream threads.
 */
#pragma once

#include "common/io/http_server.h"
#include "nodeagent/agent.h"

struct port;

struct port_options {
	const char *address; /* NULL: any */
	uint16_t port;
	const char *cert_pem, *key_pem,
		*client_ca_pem;        /* cert NULL: plain, without checks (tests) */
	const char *containerd_socket; /* for image imports */
	const char *ctr;               /* NULL: "ctr" from PATH */
};

int port_new(struct loop *loop, struct agent *agent, struct runtime *runtime,
	     const struct port_options *options, struct port **ret, struct error *err) MUST_CHECK;
void port_free(struct port *p);
