#!/bin/sh
# help.sh SKIFF - every command that `skiff help` lists explains itself, by all ways of asking.
set -eu
skiff=$1
commands=$("$skiff" help | sed -n 's/^  \([a-z-]\{1,\}\)  .*/\1/p')
[ "$(echo "$commands" | wc -w)" -ge 15 ] || { echo "the list of commands is short: $commands"; exit 1; }
for command in $commands; do
	want=$("$skiff" help "$command")
	for flag in --help -h; do
		got=$("$skiff" "$command" "$flag") || { echo "skiff $command $flag fails"; exit 1; }
		[ "$got" = "$want" ] || { echo "skiff $command $flag differs from help"; exit 1; }
	done
	case $want in
	"usage: skiff $command"*) ;;
	*) echo "the help of $command begins without its usage"; exit 1 ;;
	esac
done
