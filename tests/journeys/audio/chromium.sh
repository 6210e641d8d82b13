#!/bin/sh
# Run Chromium with the niceness of the tests that start it (`nice` in the Makefile).
#
# Playwright starts a browser in a session of its own. Linux gives each session the same share of the
# processor, and niceness counts within a session only (autogroups, sched(7)): at `nice -n 19` the
# silent tests' browsers tore the sound of those in the other lane. The group's niceness can be set.
if [ -w /proc/self/autogroup ]; then
    nice > /proc/self/autogroup || true
fi 2> /dev/null
exec /usr/bin/chromium "$@"
