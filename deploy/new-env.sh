#!/bin/sh
# Write .env with fresh secrets for docker-compose.yml; never touches one that is there.
set -eu
cd "$(dirname "$0")/.."
if [ -e .env ]; then
  echo ".env is there already; it was left as it is" >&2
  exit 1
fi
umask 077
secret() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
while IFS= read -r line; do
  case $line in
    LATHE_S3_ACCESS_KEY_ID=) echo "$line$(secret 10)" ;;
    [A-Z]*=) echo "$line$(secret 24)" ;;
    *) echo "$line" ;;
  esac
done <deploy/env.example >.env
echo "wrote .env"
