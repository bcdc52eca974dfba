#!/usr/bin/env bash
# Registers of every point at a billing instant, into a file that is whole or not there at all.
#
#   GRIDTALLY_TOKEN=gt_… examples/billing-readings.sh http://127.0.0.1:8645 2026-11-01T00:00:00+08:00 november.ndjson
#
# Needs curl and sha256sum. The token has the role billing: gridtally token add billing-system --role billing
set -euo pipefail
url=$1 at=$2 file=$3

curl --fail-with-body --silent --show-error --get "$url/api/v1/billing/readings" \
  -H "Authorization: Bearer $GRIDTALLY_TOKEN" -H 'Accept: application/x-ndjson' \
  --data-urlencode "at=$at" --output "$file.part"

# The last line says how many points there are and the hash of the lines before it: an answer that was cut has none.
summary=$(tail -n 1 "$file.part")
points=$(sed -n 's/.*"points":\([0-9]*\).*/\1/p' <<<"$summary")
promised=$(sed -n 's/.*"sha256":"\([0-9a-f]*\)".*/\1/p' <<<"$summary")
lines=$(($(wc -l <"$file.part") - 1))
found=$(head -n "$lines" "$file.part" | sha256sum | cut -d ' ' -f 1)
if [[ $points != "$lines" || $promised != "$found" ]]; then
  echo "the answer is not whole: $lines of ${points:-?} points" >&2
  exit 1
fi
mv "$file.part" "$file"
echo "$lines points in $file"
