# shellcheck shell=bash disable=SC2034
# Where a registry keeps what it has, from its own settings. Read by backup.sh and restore.sh.

fail() {
  echo "Error: $*" >&2
  exit 1
}

# Sets database (sqlite, postgresql), database_file or database_url, and files (a folder, or nothing for a bucket).
find_places() {
  : "${VORBEHALT_HOME:?Set VORBEHALT_HOME, as the server has it: set -a; . /etc/vorbehalt/server.env}"
  case ${VORBEHALT_DATABASE_URL:-} in
  '') database=sqlite database_file=$VORBEHALT_HOME/registry.sqlite ;;
  sqlite:////*) database=sqlite database_file=${VORBEHALT_DATABASE_URL#sqlite:///} ;;
  postgresql+psycopg://*) database=postgresql database_url=postgresql:${VORBEHALT_DATABASE_URL#postgresql+psycopg:} ;;
  *) fail "VORBEHALT_DATABASE_URL is neither sqlite:////path nor postgresql+psycopg://." ;;
  esac
  case ${VORBEHALT_FILES_URL:-} in
  '') files=$VORBEHALT_HOME/files ;;
  file:///*%*) fail "VORBEHALT_FILES_URL has an escaped character; these scripts take plain paths only." ;;
  file:///*) files=${VORBEHALT_FILES_URL#file://} ;;
  s3://*) files= ;;
  *) fail "VORBEHALT_FILES_URL is neither file:///path nor s3://bucket/prefix." ;;
  esac
}
