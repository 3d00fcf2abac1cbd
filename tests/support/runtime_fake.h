/*
 * runtime_fake.h - a container runtime that is a table: sandboxes and containers with states, on
 * the loop's clock, for tests and the simulation of agents. The table outlives any
 * number of faces (agents that crash and come back).
 *
 * A container's command decides its life: "exit N after MS" as words, e.g. {"exit", "3", "100"};
 * anything else runs until it is stopped. Images: all exist but those whose name holds "missing".
 */
#pragma once

#include "nodeagent/runtime.h"

struct runtime_table;

struct runtime_table *runtime_table_new(struct loop *loop);
void runtime_table_free(struct runtime_table *t); /* after all faces */

/* A face for one agent; runtime_free() drops it and its calls, and stops nothing. */
struct runtime *runtime_fake_new(struct runtime_table *t);

size_t runtime_table_running(const struct runtime_table *t);   /* containers */
size_t runtime_table_sandboxes(const struct runtime_table *t); /* all that exist */
/* How many containers of that name were ever started. */
size_t runtime_table_started(const struct runtime_table *t, const char *name);
/* Ends a running container of that name as if its process had died. */
void runtime_table_kill(struct runtime_table *t, const char *name, int exit_code);
