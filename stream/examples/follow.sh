#!/bin/sh
# Print the events of one stream as they are published to a Redis, a line of JSON each, and miss none:
#
#   follow.sh STREAM [OPTIONS OF redis-cli, such as -h HOST -p 6380 --tls]
#
# Where missing some does not matter, this alone does it: redis-cli SUBSCRIBE 'cmlstream:{STREAM}:live'
set -eu
key="cmlstream:{${1:?name a stream}}:events"
shift
last='$' # what comes from now on; 0 for all that is held
while :; do
    reply=$(redis-cli "$@" --raw XREAD BLOCK 0 COUNT 1000 STREAMS "$key" "$last")
    printf '%s\n' "$reply" | grep '^{'
    last=$(printf '%s\n' "$reply" | grep -E '^[0-9]+-[0-9]+$' | tail -n 1)
done
