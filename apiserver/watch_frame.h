/*
 * watch_frame.h - the frames of watches, made once where making one costs something.
 *
 * A change is told to all who watch its kind, and most of them want the same bytes of it. JSON as
 * it is stored is copied and costs nothing to make; protobuf, metadata alone and another version
 * are kept here for as long as the watchers of one change need to come by: the newest ones, at
 * most WATCH_FRAMES of at most WATCH_FRAME_MAX bytes.
 *
 * Threads: the core loop's.
 */
#pragma once

#include "apiserver/render.h"

#define WATCH_FRAMES    128
#define WATCH_FRAME_MAX (32u << 10)

struct watch_frames;

struct watch_frames *watch_frames_new(void);
void watch_frames_free(struct watch_frames *f); /* NULL is fine */

/* The frame of one event, appended: JSON and a newline, or its length and protobuf. `type` is a
 * word of the API that lives as long as the program. Not for Tables, whose rows tell ages. */
void watch_frame_add(struct watch_frames *f, const struct rendering *how, bool is_protobuf,
		     const char *type, struct object *o, struct str *out);

/* How many were made so far; the others were there. */
uint64_t watch_frames_made(const struct watch_frames *f);

/* A frame around an object's JSON, which `out` ends with from `begin` on: for what is made for
 * one watcher. First comes watch_frame_begin, which returns where the object begins. */
size_t watch_frame_begin(bool is_protobuf, const char *type, struct str *out);
void watch_frame_end(bool is_protobuf, const char *type, size_t begin, struct str *out);
