#!/bin/sh
# shutdown, poweroff and halt of a host: [-h|-P|-H|-c] [now|+MINUTES]. When its first process ends, the host does.
minutes=0
for word in "$@"; do
  case $word in
    now) minutes=0 ;;
    +*) minutes=${word#+} ;;
    -c) [ -f /run/shutdown.pid ] && kill "$(cat /run/shutdown.pid)"; rm -f /run/shutdown.pid; exit 0 ;;
    -r|--reboot) echo "$0: a host of the test bed cannot reboot" >&2; exit 1 ;;
    -*) ;;
    [0-9]*) echo "$0: '$word' is not understood here: say now or +MINUTES" >&2; exit 1 ;;
  esac
done
[ "$minutes" -gt 0 ] || exec kill -TERM 1
(sleep $((minutes * 60)); kill -TERM 1) > /dev/null 2>&1 < /dev/null &
echo $! > /run/shutdown.pid
