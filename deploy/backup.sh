#!/usr/bin/env bash
# Back up a registry while it runs: the database, then the published files.
#
#     backup.sh [--keep N] FOLDER
#
# writes FOLDER/<time in UTC>/ with `registry.sqlite` or `registry.dump`, `files/`, `ABOUT` and `SHA256SUMS`, and with
# --keep deletes all but the newest N. The folder gets its name when it is complete. What is backed up is named by the
# server's own settings (VORBEHALT_HOME, VORBEHALT_DATABASE_URL, VORBEHALT_FILES_URL); a bucket is left to its own
# versioning. Needs python3, and pg_dump for PostgreSQL.
#
# The keys are not in it, on purpose: docs/reference/keys.md says how to keep them, and why the two files that remember
# what was signed are never restored from a backup.
set -euo pipefail
umask 077
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=deploy/places.sh
. "$here/places.sh"

keep=0
if [ "${1:-}" = --keep ]; then keep=${2:?--keep needs a number}; shift 2; fi
target=${1:?usage: backup.sh [--keep N] FOLDER}
find_places

mkdir -p "$target"
folder=$target/$(date -u +%Y%m%dT%H%M%SZ)
partial=$folder.partial
[ ! -e "$folder" ] || fail "$folder is there already."
rm -rf "$target"/*.partial
mkdir "$partial"

# The database first: files are written before the database speaks of them as published, and never change afterwards.
case $database in
sqlite)
  python3 - "$database_file" "$partial/registry.sqlite" <<'PYTHON'
import pathlib, sqlite3, sys
source = sqlite3.connect(pathlib.Path(sys.argv[1]).as_uri() + "?mode=rw", uri=True, timeout=60)
copy = sqlite3.connect(sys.argv[2])
source.backup(copy)
copy.execute("PRAGMA journal_mode=DELETE")
(found,) = copy.execute("PRAGMA integrity_check").fetchone()
copy.close()
sys.exit(None if found == "ok" else f"The database is damaged: {found}")
PYTHON
  ;;
postgresql)
  pg_dump --dbname="$database_url" --format=custom --no-owner --no-privileges --file="$partial/registry.dump"
  ;;
esac

# The timestamp names the newest metadata, and the log's checkpoint its newest tiles, which must not be missing: so these
# two are copied before all the rest.
if [ -n "$files" ]; then
  mkdir "$partial/files"
  if [ -d "$files" ]; then
    for newest in snapshot/metadata/timestamp.json log/checkpoint; do
      [ -e "$files/$newest" ] || continue
      mkdir -p "$partial/files/${newest%/*}"
      cp -p "$files/$newest" "$partial/files/$newest"
    done
    (cd "$files" && find . -type f ! -name '.*' ! -path ./snapshot/metadata/timestamp.json ! -path ./log/checkpoint -exec cp -p --parents -t "$partial/files" {} +)
  fi
fi

printf 'begun: %s\nfrom: %s\nfiles: %s\n' "$(basename "$folder")" "$database" "${files:-in a bucket}" >"$partial/ABOUT"
(cd "$partial" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$target/.sums.$$"
mv "$target/.sums.$$" "$partial/SHA256SUMS"
sync -f "$partial"
mv "$partial" "$folder"
sync -f "$target"

if [ "$keep" -gt 0 ]; then
  find "$target" -mindepth 1 -maxdepth 1 -type d -name '????????T??????Z' | sort | head -n "-$keep" | xargs -r -d '\n' rm -rf
fi
echo "$folder"
