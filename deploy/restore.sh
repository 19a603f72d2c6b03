#!/usr/bin/env bash
# Bring a registry back from a backup of backup.sh.
#
#     restore.sh BACKUP          (stop the server and the worker first)
#
# The backup is verified before anything is touched. An SQLite file that is there is moved aside; a PostgreSQL database
# must be empty. Published files are completed: what is missing or damaged is replaced, what is newer stays, because a
# name is used only once and labs refuse an older timestamp or checkpoint. Keys are not touched.
set -euo pipefail
umask 077
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=deploy/places.sh
. "$here/places.sh"

backup=${1:?usage: restore.sh BACKUP}
find_places
server=${REGISTRY_BIN:-/opt/vorbehalt/bin}/vorbehalt-server
[ -x "$server" ] || fail "$server is not there; set REGISTRY_BIN to the folder that has it."
[ -f "$backup/SHA256SUMS" ] || fail "$backup is no complete backup: it has no SHA256SUMS."
(cd "$backup" && sha256sum --check --quiet --strict SHA256SUMS) || fail "$backup is damaged; take another one. Nothing was changed."
if command -v systemctl >/dev/null; then
  for unit in vorbehalt-server vorbehalt-worker; do
    if systemctl is-active --quiet "$unit" 2>/dev/null; then fail "$unit is running. Stop it first."; fi
  done
fi

case $database in
sqlite)
  [ -f "$backup/registry.sqlite" ] || fail "$backup is not of an SQLite database."
  aside=$(date -u +%Y%m%dT%H%M%SZ)
  for part in "$database_file" "$database_file-wal" "$database_file-shm"; do
    [ ! -e "$part" ] || mv "$part" "$part.before-$aside"
  done
  mkdir -p "$(dirname "$database_file")"
  cp "$backup/registry.sqlite" "$database_file.restoring"
  sync "$database_file.restoring"
  mv "$database_file.restoring" "$database_file"
  ;;
postgresql)
  [ -f "$backup/registry.dump" ] || fail "$backup is not of a PostgreSQL database."
  tables=$(psql --dbname="$database_url" --no-psqlrc --tuples-only --no-align \
    --command="SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = 'public'")
  [ "$tables" = 0 ] || fail "The database has $tables tables. Rename it, and create an empty one in its place."
  pg_restore --dbname="$database_url" --no-owner --no-privileges --exit-on-error --single-transaction "$backup/registry.dump"
  ;;
esac

if [ -n "$files" ] && [ -d "$backup/files" ]; then
  mkdir -p "$files"
  (cd "$backup/files" && find . -type f -print0) | while IFS= read -r -d '' file; do
    if [ -e "$files/$file" ]; then
      case $file in */timestamp.json | ./log/checkpoint) continue ;; esac
      if cmp -s "$backup/files/$file" "$files/$file"; then continue; fi
    fi
    mkdir -p "$files/$(dirname "$file")"
    cp -p "$backup/files/$file" "$files/$file.restoring"
    mv "$files/$file.restoring" "$files/$file"
  done
  sync -f "$files"
fi

"$server" db check
echo "Restored from $backup. Start the server; then publish. If that is refused because the log is older than what its"
echo "key has signed, this backup is too old: docs/start/operator.md says what to do."
