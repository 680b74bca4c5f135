#!/bin/sh
# Builds an OCI archive out of Debian's packages and the gateway's, without a registry; as root:
#     packaging/image/build.sh PACKAGE.deb SUITE TAG ARCHIVE
set -eu

package=$1 suite=$2 tag=$3 archive=$4
here=$(dirname "$0")
work=$(mktemp -d "$(dirname "$archive")/image.XXXXXX")
trap 'rm -rf "$work"' EXIT

cp "$package" "$work/package.deb"
depends=$(dpkg-deb -f "$package" Depends | tr ',' '\n' | sed 's/(.*//; s/ //g' | grep -v nginx-abi | paste -sd,)

mmdebstrap --quiet --variant=minbase --include="nginx,ca-certificates,libpq5,$depends" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="copy-in $work/package.deb /tmp" \
    --customize-hook='chroot "$1" dpkg -i /tmp/package.deb && rm "$1/tmp/package.deb"' \
    --customize-hook="upload $here/nginx.conf /etc/nginx/nginx.conf" \
    --customize-hook="upload $here/flashduty-health /usr/local/bin/flashduty-health" \
    --customize-hook='chmod 755 "$1/usr/local/bin/flashduty-health"' \
    --customize-hook='rm -rf "$1"/etc/nginx/sites-enabled/* "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/*' \
    --customize-hook='install -d -m 750 -o root -g www-data "$1/etc/nginx/flashduty"' \
    --customize-hook='install -d -m 755 "$1/var/log/nginx"' \
    "$suite" "$work/rootfs.tar"

umoci init --layout "$work/oci"
umoci new --image "$work/oci:$tag"
umoci raw add-layer --image "$work/oci:$tag" "$work/rootfs.tar"
umoci config --image "$work/oci:$tag" \
    --config.user 33:33 --config.workingdir / --config.stopsignal SIGQUIT \
    --config.entrypoint /usr/sbin/nginx \
    --config.exposedports 8080/tcp --config.exposedports 8081/tcp \
    --config.volume /var/lib/nginx/flashduty --config.volume /tmp \
    --config.label "org.opencontainers.image.title=nginx-flashduty" \
    --config.label "org.opencontainers.image.version=$tag" \
    --config.label "org.opencontainers.image.licenses=BSD-2-Clause"
umoci gc --layout "$work/oci"
tar -c -C "$work/oci" --sort=name --owner=0 --group=0 --numeric-owner . >"$archive"
