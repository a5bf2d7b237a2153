#!/usr/bin/env bash
# Puts build/nexgate and what belongs to it into build/nexgate_VERSION_ARCH.deb; the same input gives the same bytes. Needs no root.
# usage: deb.sh [FOLDER], the folder for the package
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${1:-build}")
[ -x build/nexgate ] || { echo "deb.sh: build/nexgate is not there: make" >&2; exit 1; }
mkdir -p "$target"
work=$(mktemp -d "$target/deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
umask 022
chmod 755 "$work"
cp -r packaging/debian "$work/debian"
root=$work/debian/nexgate
share=$root/usr/share

install -D -m 755 build/nexgate "$root/usr/bin/nexgate"
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/nexgate"
install -D -m 644 packaging/debian/nexgate.conf "$root/etc/nexgate/nexgate.conf"
install -D -m 644 -t "$share/doc/nexgate" docs/*.md
install -D -m 644 conf/nexgate.conf "$share/doc/nexgate/examples/nexgate.conf"
install -m 644 conf/nexgate.min.conf conf/prometheus-rules.yml conf/grafana-dashboard.json "$share/doc/nexgate/examples"
install -D -m 644 -t "$share/doc/nexgate/examples/entities" conf/entities/*.json
install -m 644 packaging/debian/copyright "$share/doc/nexgate/copyright"
gzip -9n <packaging/debian/changelog >"$share/doc/nexgate/changelog.gz"

shopt -s nullglob
for page in docs/man/*.[1-9]; do
    section=$share/man/man${page##*.}
    mkdir -p "$section"
    gzip -9n <"$page" >"$section/$(basename "$page").gz"
done
for unit in conf/systemd/*.service conf/systemd/*.socket; do
    install -D -m 644 "$unit" "$root/lib/systemd/system/$(basename "$unit")"
done

mkdir "$root/DEBIAN"
install -m 755 packaging/debian/{postinst,prerm,postrm} "$root/DEBIAN"
echo /etc/nexgate/nexgate.conf >"$root/DEBIAN/conffiles"
cd "$work"
dpkg-shlibdeps -O"$work/debian/substvars" "$root/usr/bin/nexgate"
dpkg-gencontrol -P"$root" -T"$work/debian/substvars" -f"$work/debian/files" -O"$root/DEBIAN/control" >/dev/null
(cd "$root" && find . -type f -not -path "./DEBIAN/*" -not -path "./etc/*" -printf "%P\n" | LC_ALL=C sort | xargs md5sum) >"$root/DEBIAN/md5sums"
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -S Timestamp)
export SOURCE_DATE_EPOCH
dpkg-deb --root-owner-group --build "$root" "$target"
