#!/usr/bin/env bash
# Makes the secrets that docker-compose.yml names, once. usage: NEXUDUS_PASSWORD=… secrets.sh [FOLDER]; asks for the password where
# it is not given. Prints the two keys that people need; of those only the SHA-256 is kept.
set -euo pipefail

folder=${1:-secrets}
if [ -e "$folder" ]; then
    echo "secrets.sh: $folder is there already; nothing was changed" >&2
    exit 1
fi
if [ -z "${NEXUDUS_PASSWORD:-}" ]; then
    read -rsp "Nexudus password: " NEXUDUS_PASSWORD
    echo
fi
[ -n "$NEXUDUS_PASSWORD" ] || { echo "secrets.sh: the password is empty" >&2; exit 1; }

digest() { printf %s "$1" | sha256sum | cut -d' ' -f1; }
api_key() { echo "nxg_$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=')"; }
put() { printf '%s\n' "$2" >"$folder/$1"; }

# Containers read the files as other users; on this machine the folder keeps others out.
umask 022
mkdir -m 700 "$folder"

admin=$(api_key)
reports=$(api_key)
redis=$(openssl rand -hex 32)
put nexudus_password "$NEXUDUS_PASSWORD"
put admin_key "sha256:$(digest "$admin")"
put reports_key "sha256:$(digest "$reports")"
put token_key "$(openssl rand -hex 32)"
put redis_url "redis://nexgate:$redis@redis-cache:6379/0"
put redis_quota_url "redis://nexgate:$redis@redis-quota:6379/0"

commands="get getrange set del pttl type pexpire time hget hmget hset hdel
          zadd zrem zrange zrangebyscore zremrangebyscore zremrangebyrank zcard zscore
          eval evalsha script|load publish subscribe unsubscribe ping select info"
# shellcheck disable=SC2086 # one word for each command
put redis_acl "user default on nopass resetchannels -@all +ping
user nexgate on #$(digest "$redis") resetchannels &nexgate:* ~nexgate:* -@all $(printf '+%s ' $commands)"

echo "admin key:       $admin"
echo "client reports:  $reports"
