#!/bin/sh
# check_pure.sh OBJECT-DIR - a plan may call nothing that touches the world: no clock, no I/O, no
# randomness, no global state. What each *_plan.o and every other part of common/plan may call is an
# allow-list, so that a new call is a decision and not an accident: our own pure helpers, and libc
# without side effects. What common/plan itself defines is checked here too, so it may be called.
ok='^(__assert_fail|(exp|log|exp2|log2|pow|sqrt|ldexp|floor|ceil|fabs)l?|__u?(div|mod|divmod)ti[34]|__float(un)?ti[dx]f|mem[a-z]+|str(cmp|len|ncmp|chr|rchr|str|cspn|spn|toll|toull|tol|ncasecmp|casecmp)|__isoc.*strto.*|qsort|bsearch|abort|free|x(calloc|realloc|strdup|strndup|memdup|asprintf)|(__)?v?snprintf(_chk)?|__isoc99_sscanf|sscanf|__(asan|ubsan|gcov|stack_chk|memcpy_chk|memset_chk|ctype).*|str_.*|error_.*|map_.*|hash_bytes|json_.*|time_(parse|format.*)|duration_.*|quantity_.*|selector_.*|field_.*|schema_.*|order_.*|cron_.*|workflow_.*|share_.*|sched_.*|rs_.*|derived_suffix|(uid|name|namespace|time|owner|controller)_of.*|pod_.*|facts_.*|queue_.*|replay_.*|las_.*|estimate_.*|load_.*|predict_.*|policy_.*|condition_is|has_finalizer|arena_.*|service_text_.*|container_.*|volume_.*|reflector_.*|leader_.*|_GLOBAL_OFFSET_TABLE_|empty)$'
objects=$(find "$1" -name '*_plan.c.o' -o -path '*/common/plan/*.c.o')
[ -n "$objects" ] || { echo "no plans found under $1"; exit 1; }
own=$(find "$1" -path '*/common/plan/*.c.o' -exec nm --defined-only --format=posix {} + |
	awk 'NF > 1 { print $1 }' | sort -u)
bad=0 count=0
for o in $objects; do
	count=$((count + 1))
	for s in $(nm -u --format=posix "$o" | awk '{ sub(/@.*/, "", $1); print $1 }' | grep -Ev "$ok"); do
		case "
$own
" in
		*"
$s
"*) ;;
		*)
			echo "${o##*/}: not pure: calls $s"
			bad=1
			;;
		esac
	done
done
[ $bad = 0 ] && echo "$count plans are pure"
exit $bad
