# Writes debian/changelog for the version on top of CHANGES:
#     perl packaging/debian_changelog.pl REVISION <CHANGES >debian/changelog

use strict;
use warnings;

use POSIX qw(strftime);
use Time::Local qw(timegm);

my $revision = shift or die "usage: $0 REVISION <CHANGES >debian/changelog\n";
my $MAINTAINER = 'nginx-flashduty authors <maintainers@nginx-flashduty.example>';
my @MONTHS     = qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec);
my %month      = map { $MONTHS[$_] => $_ } 0 .. $#MONTHS;

while (my $line = <STDIN>) {
    my ($version, $day, $month, $year) =
        $line =~ /^Changes with nginx-flashduty (\S+)\s+(\d+) (\w{3}) (\d{4})$/
        or next;
    my $date = strftime('%a, %d %b %Y 00:00:00 +0000', gmtime timegm(0, 0, 0, $day, $month{$month}, $year));
    print "libnginx-mod-http-flashduty ($version-$revision) unstable; urgency=medium\n\n";
    print "  * What is new stands in CHANGES.\n\n";
    print " -- $MAINTAINER  $date\n";
    exit 0;
}
die "no version in CHANGES\n";
