# Writes what a release is made of and what it needs, as SPDX 2.3:
#     perl packaging/sbom.pl VERSION TARBALL TIME >release.spdx.json
# TIME, seconds since 1970, is that of the commit, so that the same release has the same document.

use strict;
use warnings;

use Digest::SHA;
use File::Basename qw(basename);
use JSON::PP;
use POSIX qw(strftime);

my ($version, $tarball, $time) = @ARGV;
die "usage: $0 VERSION TARBALL TIME\n" if @ARGV != 3;

my $NAMESPACE = 'https://nginx-flashduty.example/spdx';

# name, least version, licence, where it comes from, what it is for
my @NEEDED = (
    [ 'nginx',     '1.22',  'BSD-2-Clause',                     'nginx.org',      'the server that loads the module' ],
    [ 'yajl',      '2.1.0', 'ISC',                              'lloyd.github.io/yajl', 'reads JSON' ],
    [ 'SQLite',    '3.24',  'blessing',                         'sqlite.org',     'the spool' ],
    [ 'OpenSSL',   '1.1.1', 'Apache-2.0 OR OpenSSL',            'openssl.org',    'libcrypto: hashes, comparison of secrets' ],
    [ 'libstdc++', '8',     'GPL-3.0-or-later WITH GCC-exception-3.1', 'gcc.gnu.org', 'the C++ library; libc++ does as well' ],
);

sub sha {
    my ($algorithm, $file) = @_;
    return Digest::SHA->new($algorithm)->addfile($file, 'b')->hexdigest;
}

my @packages = ({
    SPDXID           => 'SPDXRef-nginx-flashduty',
    name             => 'nginx-flashduty',
    versionInfo      => $version,
    packageFileName  => basename($tarball),
    downloadLocation => 'NOASSERTION',
    filesAnalyzed    => JSON::PP::false,
    checksums        => [ { algorithm => 'SHA256', checksumValue => sha(256, $tarball) } ],
    licenseConcluded => 'BSD-2-Clause',
    licenseDeclared  => 'BSD-2-Clause',
    copyrightText    => 'Copyright (c) 2026, the nginx-flashduty authors',
    supplier         => 'Organization: the nginx-flashduty authors',
    primaryPackagePurpose => 'SOURCE',
});
my @relationships = ({
    spdxElementId      => 'SPDXRef-DOCUMENT',
    relationshipType   => 'DESCRIBES',
    relatedSpdxElement => 'SPDXRef-nginx-flashduty',
});

for my $needed (@NEEDED) {
    my ($name, $least, $license, $site, $purpose) = @$needed;
    my $id = 'SPDXRef-' . $name =~ s/\W/-/gr;
    push @packages, {
        SPDXID           => $id,
        name             => $name,
        versionInfo      => "$least or newer",
        downloadLocation => 'NOASSERTION',
        homepage         => "https://$site",
        filesAnalyzed    => JSON::PP::false,
        licenseConcluded => $license,
        licenseDeclared  => $license,
        copyrightText    => 'NOASSERTION',
        supplier         => 'NOASSERTION',
        comment          => $purpose,
    };
    push @relationships, {
        spdxElementId      => 'SPDXRef-nginx-flashduty',
        relationshipType   => 'DEPENDS_ON',
        relatedSpdxElement => $id,
    };
}

print JSON::PP->new->canonical->pretty->encode({
    spdxVersion       => 'SPDX-2.3',
    dataLicense       => 'CC0-1.0',
    SPDXID            => 'SPDXRef-DOCUMENT',
    name              => "nginx-flashduty-$version",
    documentNamespace => "$NAMESPACE/nginx-flashduty-$version-" . substr(sha(256, $tarball), 0, 16),
    creationInfo      => {
        created  => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $time),
        creators => ['Tool: nginx-flashduty packaging/sbom.pl'],
    },
    packages      => \@packages,
    relationships => \@relationships,
});
