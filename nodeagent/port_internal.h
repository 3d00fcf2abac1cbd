/*
 * port_internal.h - what the files of the agent's port share.
 */
#pragma once

#include "nodeagent/log_lines.h"
#include "nodeagent/port.h"

struct port {
	struct loop *loop;
	struct agent *agent;
	struct runtime *runtime;
	struct http_server *server;
	bool is_open; /* without TLS: nobody is asked who he is */
	char *socket, *ctr;
	struct exec_end *exec_ends; /* sessions with stdin */
};

/* A path's parts, decoded: /exec/NS/POD/CONTAINER. */
#define PORT_PARTS_MAX 4
struct port_path {
	char *parts[PORT_PARTS_MAX];
	size_t count;
};

/* A Status object as the answer. */
void port_fail(struct http_exchange *x, int status, const char *message);
void port_fail_error(struct http_exchange *x, const struct error *err);

void port_logs(struct port *p, struct http_exchange *x, const struct port_path *path);
void port_stream(struct port *p, struct http_exchange *x, const struct port_path *path);
void port_images(struct port *p, struct http_exchange *x);
