/*
 * etcd_process.h - a private etcd for one test: a unix socket in a directory of its own under
 * /tmp, gone with the test. The program comes from $SKIFF_ETCD, else from build/tools, else
 * from PATH (scripts/etcd_for_tests.sh puts one into build/tools).
 */
#pragma once

#include "apiserver/store_backend.h"
#include "common/io/loop.h"

struct etcd_process;

/* Exits the test if it cannot. is_tls: a port of 127.0.0.1 with client certificates instead. */
struct etcd_process *etcd_process_start(bool is_tls);
bool etcd_process_exists(void);                    /* is there a program at all? */
void etcd_process_kill(struct etcd_process *e);    /* SIGKILL */
void etcd_process_restart(struct etcd_process *e); /* same data */
void etcd_process_free(struct etcd_process *e);    /* NULL is fine */
struct store_backend *etcd_process_backend(struct etcd_process *e, struct loop *loop, bool is_grpc);
