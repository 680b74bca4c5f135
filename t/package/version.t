# One version: the module's is on top of CHANGES, in the packages and in a release.

use strict;
use warnings;

use Test::More;

sub output {
    my ($command) = @_;

    my $output = qx{$command};
    return $? == 0 ? $output : "$command: status $?";
}

sub read_file {
    my ($name) = @_;

    open my $file, '<', $name or die "$name: $!\n";
    local $/ = undef;
    return <$file>;
}

my ($version) = read_file('src/nginx/base/version.hpp') =~ /kVersion = "(\d+\.\d+\.\d+)"/;
ok(defined $version, 'the module has a version') or BAIL_OUT('no version');

my $DATE = qr/(?:\d\d? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}/;
my @released = read_file('CHANGES') =~ /^Changes with nginx-flashduty (\S+) +$DATE$/mg;
is($released[0], $version, 'CHANGES begins with it');

like(output('perl packaging/debian_changelog.pl 7 <CHANGES'), qr/^libnginx-mod-http-flashduty \(\Q$version\E-7\) unstable; /, "so does the Debian package's");

SKIP: {
    skip 'needs rpmspec', 3 if system('command -v rpmspec >/dev/null') != 0;

    my $query = "rpmspec --load=packaging/rpm_stubs -D 'flashduty_version $version' -q";
    my $spec  = 'packaging/nginx-mod-http-flashduty.spec';
    like(output("$query $spec"), qr/^nginx-mod-http-flashduty-\Q$version\E-1/, 'the RPM has it');
    like(output("$query --requires $spec"), qr/^sqlite-libs >= 3\.24$/m, 'and needs a SQLite');
    like(output("$query --buildrequires -D 'flashduty_yajl /somewhere' $spec"), qr/\A(?!.*yajl).*nginx-mod-devel/s, 'a yajl of its own is not asked for as a package');
}

done_testing();
