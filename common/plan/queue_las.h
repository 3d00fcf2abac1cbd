/*
 * queue_las.h - least attained service in the limit of a quantum of zero: the jobs with the least
 * service share the servers equally. Pure, over memory that the caller gives.
 *
 * Jobs of equal attained service form a group, and groups are a stack: the least served on top. Servers
 * are given from the top: a group of at most as many jobs as there are servers left runs at full speed,
 * the last one shares what is left. A group that reaches the level of the one below joins it.
 *
 * Times are exact rationals: held as a fixed-point number with 60 binary places and as a residue modulo
 * the prime 2^61 - 1, both carried through every operation. Two are equal if the residues agree and the
 * places nearly do: a residue that differs proves that they differ, and two different times closer
 * than 2^-10 µs with equal residues would be a chance of 2^-61. So an arrival at the very
 * moment of a completion is seen as such, however long the busy period, without fractions that grow.
 */
#pragma once

#include "common/plan/queue_plan.h"

struct las;
size_t las_size(size_t jobs_max);
/* `memory` is zeroed and aligned to 16. `sizes` by job, borrowed; all times together stay below
 * QUEUE_TIME_MAX. */
struct las *las_init(void *memory, size_t jobs_max, uint32_t servers, const int64_t *sizes);

/* The job arrives now, after las_step has said that nothing more is due until now. (A completion at
 * the very same time has then been done. In the limit the order of the two changes nothing: a job
 * with nothing left to do is done, whoever comes.) */
void las_arrive(struct las *l, uint32_t job, int64_t now_us);

/* The next completion or joining is due not after `until_us` (exactly): go there. False: it is
 * later, or nothing runs. */
bool las_step(struct las *l, int64_t until_us);
/* To `until_us` with nothing due on the way: las_step has said so. */
void las_advance(struct las *l, int64_t until_us);
/* Jobs completed at the present time, one by one; QUEUE_NONE: no more. */
uint32_t las_completed(struct las *l);
size_t las_waiting(const struct las *l); /* present and not served at full speed */

/* The present: whole microseconds and the rest, 0 … below 1. */
void las_now(const struct las *l, int64_t *ret_us, double *ret_rest);
/* The same rest as a whole number of 2^-60 µs. */
int64_t las_now_places(const struct las *l);
