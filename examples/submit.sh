#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Submits one .blend, waits, and fetches its frames: POSIX shell with curl, jq and sha256sum.
#
#     CANDELA_MANAGER=http://manager.example:4470 CANDELA_TOKEN=… examples/submit.sh scene.blend 1-24 frames/
#
# The .blend has to hold all that it needs (File > External Data > Pack Resources).
# Exit codes: 0 every frame is verified and there, 1 the job failed or was refused, 2 something broke.
set -eu

[ $# -eq 3 ] || { echo "usage: $0 SCENE.blend FRAMES FOLDER" >&2; exit 2; }
scene=$1 frames=$2 folder=$3
api="${CANDELA_MANAGER:-http://127.0.0.1:4470}/api/v1"
work=$(mktemp -d)
reply=$work/reply
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# What the manager refuses is printed as it says it: message and hint.
ask() {
    # The token goes by a file descriptor: arguments can be read by others on this machine.
    status=$(printf '%s\n' "${CANDELA_TOKEN:+header = \"Authorization: Bearer $CANDELA_TOKEN\"}" |
        curl -sS --config - --retry 5 --retry-connrefused -o "$reply" -w '%{http_code}' "$@") || exit 2
    if [ "$status" -ge 400 ]; then
        jq -r '"error: \(.message)", (.hint // empty | "hint: \(.)")' "$reply" >&2
        exit 1
    fi
}

bytes=$(wc -c <"$scene" | tr -d ' ')
sha256=$(sha256sum "$scene" | cut -d ' ' -f 1)
ask -X POST "$api/uploads" -H 'Content-Type: application/json' \
    -d "{\"bytes\": $bytes, \"sha256\": \"$sha256\"}"
upload=$(jq -r .id "$reply")
# Sent again from the start of what is missing, until nothing is.
while [ "$(jq -r '.hash // empty' "$reply")" = "" ]; do
    offset=$(jq -r '.missing[0].offset // empty' "$reply")
    if [ "$offset" = "" ]; then
        sleep 1
        ask "$api/uploads/$upload"
        continue
    fi
    length=$(jq -r '.missing[0].bytes' "$reply")
    tail -c "+$((offset + 1))" "$scene" | head -c "$length" >"$work/part"
    ask -X PUT "$api/uploads/$upload?offset=$offset" -H 'Content-Type: application/octet-stream' \
        --data-binary "@$work/part"
done
hash=$(jq -r .hash "$reply")

jq -n --arg name "$(basename "$scene" .blend)" --arg file "$(basename "$scene")" \
    --arg frames "$frames" --arg hash "$hash" --argjson bytes "$bytes" \
    --arg id "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" \
    '{submission_id: $id, name: $name, frames: $frames, allow: {wait: true},
      scene: {main_file: $file, files: [{path: $file, hash: $hash, bytes: $bytes}]}}' >"$work/job"
ask -X POST "$api/jobs" -H 'Content-Type: application/json' -d "@$work/job"
job=$(jq -r .id "$reply")
echo "job $job"

mkdir -p "$folder"
state=active
while :; do
    case $state in inspecting | active) over= ;; *) over=1 ;; esac
    # Frames in pages, in ascending order; what is there is not fetched again.
    after=
    while :; do
        ask "$api/jobs/$job/frames?status=accepted&limit=1000$after"
        jq -r '.items[].output | "\(.url) \(.hash) \(.file_name)"' "$reply" >"$work/list"
        next=$(jq -r '.next // empty' "$reply")
        while read -r url output name; do
            case $name in */* | .*) echo "error: the manager names a frame $name" >&2 && exit 2 ;; esac
            grep -qs "^$output$" "$folder/.$name.hash" && continue
            ask "${api%/api/v1}$url"
            cp "$reply" "$folder/.$name.part" && mv "$folder/.$name.part" "$folder/$name"
            echo "$output" >"$folder/.$name.hash"
            echo "$folder/$name"
        done <"$work/list"
        [ "$next" != "" ] || break
        after="&after=$next"
    done
    [ "$over" = "" ] || break
    sleep 2
    ask "$api/jobs/$job"
    state=$(jq -r .status "$reply")
done
ask "$api/jobs/$job"
jq -r '.refusals[] | "error: \(.message)", (.hint // empty | "hint: \(.)")' "$reply" >&2
echo "job $job: $state"
[ "$state" = completed ]
